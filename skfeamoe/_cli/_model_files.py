"""Files of models: skops by default, joblib for those who ask for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from skfeamoe.persistence import load, save, without_people
from skfeamoe.streaming._files import replaced

from ._errors import InputError, needs


def check_model_file(arguments) -> None:
    """Refuse a file of a model whose name and format do not agree, before the work begins."""
    pickled = Path(arguments.model).suffix in {".joblib", ".pkl", ".pickle"}
    if arguments.model_format == "skops":
        needs("skops.io")
        if pickled:
            raise InputError(
                f"--model {arguments.model!r} would be a skops file; name it .skops, or ask "
                "for a file that runs what is in it with --model-format joblib"
            )


def save_model(model: Any, path: Path, arguments) -> None:
    """Save a model whole or not at all."""
    if arguments.without_people:
        model = without_people(model)
    if arguments.model_format == "skops":
        save(model, path)
        return
    import joblib

    with replaced(path) as part:
        joblib.dump(model, part)


def how_to_load(arguments) -> str:
    """The lines that tell what has been saved, and how it is used."""
    place, people = arguments.model, "has no rows of people"
    if not arguments.without_people:
        people = "has rows of people, --without-people leaves them out"
    if arguments.model_format == "skops":
        how = f'model = skfeamoe.persistence.load("{place}")'
    else:
        how = f'model = joblib.load("{place}")'
        people += "; whoever opens a joblib file runs what is in it"
    return (
        f"Model, with its preprocessing: {place} ({people})\n"
        f"  {how}; model.predict(frame)  # raw columns"
    )


def load_model(name: str, *, trust_joblib: bool = False) -> Any:
    """A saved model; one line for what is none."""
    path = Path(name)
    if not path.is_file():
        raise InputError(f"MODEL {name!r} does not exist; give the file of stream --model")
    try:
        if not trust_joblib:
            needs("skops.io")
            return load(path)
        import joblib

        return joblib.load(path)
    except InputError:
        raise
    except Exception as error:
        more = "" if trust_joblib else "; a joblib file of your own opens with --trust-joblib"
        raise InputError(
            f"MODEL {name!r} cannot be read as a saved model: {error}{more}"
        ) from error
