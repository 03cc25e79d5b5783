"""The services of models on the results and the files that a test's environment names."""

from __future__ import annotations

from typing import Any

from foresight.services.scoring import load_tests, models
from foresight.store import Store, migrate
from foresight.wiring.connections import open_results, results
from foresight.wiring.files import model_files
from foresight.wiring.scoring import scoring


def prepared_results() -> Store:
    """The results store with its tables."""
    migrate(open_results())
    return results()


def add(*given: Any, **named: Any) -> models.Added:
    return models.add(results(), model_files(), *given, **named)


def deploy(*given: Any, **named: Any) -> tuple[int, str | None]:
    return models.deploy(scoring(), *given, **named)


def get_model(name: str) -> models.ModelDetails:
    return models.get_model(results(), name)


def roll_back(*given: Any) -> tuple[int, int]:
    return models.roll_back(results(), *given)


def undeploy(*given: Any) -> int:
    return models.undeploy(results(), *given)


def delete(*given: Any) -> list[int]:
    return models.delete(results(), model_files(), *given)


def score(*given: Any) -> Any:
    return scoring().score(*given)


def answer(*given: Any) -> Any:
    return scoring().answer(*given)


def infer(*given: Any) -> Any:
    return scoring().infer(*given)


def describe(*given: Any) -> Any:
    return scoring().describe(*given)


def run_load_test(*given: Any, **named: Any) -> load_tests.LoadTest:
    return load_tests.run_load_test(scoring(), *given, **named)
