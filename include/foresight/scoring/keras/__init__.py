"""Keras, in safe mode: known layers only, looked over before TensorFlow is even imported."""
