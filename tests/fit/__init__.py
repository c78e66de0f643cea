"""What the reading learns: `make fit` makes the weights of the signals, the model of messages and the calibration from labelled pastes.

Deterministic: the same samples give the same files. scikit-learn is needed here and nowhere else.
"""
