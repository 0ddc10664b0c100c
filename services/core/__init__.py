"""Pure decisions: no I/O, no clock, no async, no logging.

Instants are whole milliseconds since 1970 UTC (`Millis`, in names `at` or `..._at`), durations whole
milliseconds (in names `..._ms`): sums of integers can be taken away again exactly (docs/adr/0001).
"""
