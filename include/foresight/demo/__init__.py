"""The main job from a standing start, shown on embedded defaults."""
