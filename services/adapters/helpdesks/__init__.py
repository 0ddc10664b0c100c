"""Helpdesks: who signed a delivery, and what it means in our words. One module per vendor, pure."""
