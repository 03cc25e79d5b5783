"""The docs cannot drift: links and commands lead somewhere; every table, topic, setting and DAG is told."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from foresight import conventions
from foresight.cli import app
from foresight.documents import parse_documents
from foresight.store.tables import metadata

PROJECT = Path(__file__).parents[2]
PAGES = sorted(
    [PROJECT / "README.md", *(PROJECT / "docs").rglob("*.md"), *PROJECT.glob("include/**/README.md")]
)
SPOKEN_OF = {
    "127.0.0.1", "airflow.example.org", "dev.mysql.com", "foresight.example.org", "github.com",
    "greatexpectations.io", "json-schema.org",
    "maven.apache.org", "mimir.example.org", "nowhere.invalid", "prometheus.example.com", "sqlite.org",
    "www.apache.org", "www.dmg.org",
    "www.w3.org",
}  # fmt: skip
"""Hosts that docs and code name; packages come from wherever the machine's clients are set up to look."""
LINK = re.compile(r"\[[^\]]*\]\(([^)#]+)(?:#[^)]*)?\)")
FENCE = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)


def text_of_all() -> str:
    return "\n".join(page.read_text() for page in PAGES)


def blocks_of(*languages: str) -> list[str]:
    fenced = [found for page in PAGES for found in FENCE.findall(page.read_text())]
    return [block for language, block in fenced if language in languages]


def shell_lines() -> list[list[str]]:
    inline = re.findall(r"`((?:foresight|make) [^`]+)`", text_of_all())
    lines = [line for block in blocks_of("sh", "bash") for line in block.replace("\\\n", " ").splitlines()]
    split = [shlex.split(line, comments=True) for line in [*lines, *inline] if line.count("'") % 2 == 0]
    return [words for words in split if words]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    named = {words[1] for words in shell_lines() if words[0] == "make"}
    assert named
    assert named <= targets


def test_every_foresight_command_that_is_named_exists() -> None:
    root = typer.main.get_command(app)
    named = [words[1:] for words in shell_lines() if words[0] == "foresight"]
    assert named
    for words in named:
        command = root
        for word in words:
            if word.startswith("-") or not hasattr(command, "commands"):
                break
            assert word in command.commands, words
            command = command.commands[word]
        options = {option for parameter in command.params for option in parameter.opts} | {
            "--help",
            "--version",
        }
        assert {word for word in words if word.startswith("-")} <= options, words


def test_every_table_topic_connection_and_dag_is_told() -> None:
    told = text_of_all()
    names = set(metadata.tables) | {path.stem for path in (PROJECT / "dags").glob("*.py")}
    names |= {value for name, value in vars(conventions).items() if name.endswith(("_TOPIC", "_CONNECTION"))}
    assert {name for name in names if f"`{name}`" not in told} == set()


def test_every_environment_variable_of_ours_is_told_and_no_other() -> None:
    spoken = set(re.findall(r"\bFORESIGHT_[A-Z_]+\b", text_of_all()))
    used = {
        name
        for path in (PROJECT / "include").rglob("*.py")
        for name in re.findall(r'"(FORESIGHT_[A-Z_]+)"', path.read_text())
    }
    assert used <= spoken
    compose = set(re.findall(r"FORESIGHT_[A-Z_]+", (PROJECT / "docker-compose.yaml").read_text()))
    tests = set(re.findall(r"FORESIGHT_[A-Z_]+", (PROJECT / "tests" / "conftest.py").read_text()))
    assert spoken <= used | compose | tests | {"FORESIGHT_TEST_CACHE"}


def test_every_yaml_example_is_yaml() -> None:
    examples = blocks_of("yaml")
    assert examples
    for example in examples:
        parse_documents(example, "example")


def test_the_project_speaks_of_itself_alone() -> None:
    tracked = [path for path in PROJECT.rglob("*") if path.suffix in {".py", ".md", ".yaml", ".toml", ".in"}]
    mine = [path for path in tracked if not re.search(r"/\.", str(path.relative_to(PROJECT.parent)))]
    assert len(mine) > 50
    texts = {path: path.read_text(errors="replace") for path in mine}
    hosts = {host for text in texts.values() for host in re.findall(r"https?://([\w-]+(?:\.[\w-]+)+)", text)}
    assert hosts <= SPOKEN_OF
    home = re.compile(rf"{PROJECT}/|{Path.home()}/")
    assert [str(path) for path, text in texts.items() if home.search(text)] == []


def test_secrets_and_whatever_else_git_ignores_stay_out_of_the_image() -> None:
    kept_out = (PROJECT / ".dockerignore").read_text().splitlines()
    ignored = (PROJECT / ".gitignore").read_text().splitlines()
    assert ".env*" in ignored
    assert {f"**/{pattern.removesuffix('/')}" for pattern in ignored} <= set(kept_out)
