"""Recording: a function of tensors is run once, written down as a program, and replayed.

`compiled` is what users call, `recorder` watches one run, `program` writes down what it saw, and
`effects` is what the rest of the library tells a recording.
"""
