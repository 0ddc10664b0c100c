"""The facts: what travels between programs. Imports nothing of ours."""
