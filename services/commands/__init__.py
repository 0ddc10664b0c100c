"""What the command `deskpulse` does without servers: one module for each word."""
