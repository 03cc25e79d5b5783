"""What people and tasks do. Each function takes what it works on as arguments; Airflow is not known here."""
