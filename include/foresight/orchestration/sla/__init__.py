"""SLAs: what people do with them, and the steps of ``sla_evaluation``."""
