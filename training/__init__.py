"""Makes the calibrator that the package ships: ``make calibrator``."""
