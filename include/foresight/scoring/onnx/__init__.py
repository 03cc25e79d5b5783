"""ONNX: looked over with onnx, run by ONNX Runtime."""
