"""scikit-learn, through skops files only: no pickle, nothing but known types."""
