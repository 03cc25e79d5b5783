"""Model runtimes, field mapping and scoring in bundles: pure, no broker, no database, no scheduler."""
