"""huggingface.co through its own library (an extra, `hub`): `hf:owner/name` stands for a run, or for a set of pictures.

A revision may follow: `hf:owner/name@v1.0`. Who you are is that library's business (`hf auth login`, or HF_TOKEN):
no token passes through here, and no message of the library's is shown whole, since it might hold one.
"""

import os
import re
from pathlib import Path
from typing import Any

from dcgan.errors import UserError

MODEL = "model.safetensors"  # a checkpoint for use alone, under the name that the Hub looks for
_MADE = ".gitattributes"  # in every new repository, of the Hub's own making
_SPEC = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?")


def is_hub(path: object) -> bool:
    return isinstance(path, (str, os.PathLike)) and os.fspath(path)[:3] == "hf:"


def name(spec: str | os.PathLike) -> str:
    """`name` of hf:owner/name@revision."""
    return _parts(spec)[0].split("/")[1]


def model(spec: str | os.PathLike) -> Path:
    """The checkpoint of a run that was pushed, downloaded once."""
    repo, revision = _parts(spec)
    library = _library(spec)
    try:
        return Path(library.hf_hub_download(repo, MODEL, revision=revision))
    except Exception as error:
        raise _refused(f"hf:{repo}", error) from None


def pictures(spec: str | os.PathLike) -> Path:
    """The folder of a data set's files, downloaded once."""
    repo, revision = _parts(spec)
    library = _library(spec)
    try:
        return Path(library.snapshot_download(repo, repo_type="dataset", revision=revision))
    except Exception as error:
        raise _refused(f"hf:{repo}", error) from None


def publish(
    repo: str, contents: dict[str, bytes], message: str, private: bool, overwrite: bool, api: Any = None
) -> str:
    """Put files into a model repository, made where there is none, and say where it is. One that is empty still (made
    on the Hub's page, or by a push that then failed) is filled as a new one is."""
    library = _library(repo)
    api = api or library.HfApi()
    try:
        there = api.repo_info(repo) if api.repo_exists(repo) else None
        if there and not overwrite and any(file.rfilename != _MADE for file in there.siblings or ()):
            raise UserError(
                f"{repo}: there is such a repository already; choose another name, or add --overwrite for a new commit "
                "in it"
            )
        if there and private and not there.private:  # which create_repo would leave as it is
            raise UserError(
                f"{repo}: --private: it is there already, and public; make it private in its settings on the Hub's "
                "page, or leave out --private"
            )
        address = str(api.create_repo(repo, private=private, exist_ok=True))
        operations = [library.CommitOperationAdd(path, content) for path, content in contents.items()]
        api.create_commit(repo, operations, commit_message=message)
        return address
    except UserError:
        raise
    except Exception as error:
        raise _refused(repo, error) from None


def check_name(repo: str) -> None:
    if not _SPEC.fullmatch(repo) or "@" in repo:
        raise UserError(f"{repo}: it is no repository's name; write owner/name, as in ann/holiday-faces")


def _parts(spec: str | os.PathLike) -> tuple[str, str | None]:
    words = Path(spec).as_posix() if isinstance(spec, Path) else os.fspath(spec)
    found = _SPEC.fullmatch(words[3:])
    if not found:
        raise UserError(f"{words}: after hf: stands owner/name, and @revision if one is meant; as in hf:ann/faces@v1.0")
    return found["repo"], found["revision"]


def _library(what: str | os.PathLike) -> Any:
    try:
        import huggingface_hub
    except ImportError:
        raise UserError(f"{what}: the package huggingface_hub is missing; pip install 'dcgan[hub]' brings it") from None
    return huggingface_hub


def _refused(what: str, error: Exception) -> UserError:
    from huggingface_hub import errors

    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.HFValidationError):
        why = (
            "the Hub takes no such name; write owner/name, as in ann/holiday-faces: letters and digits, single - _ . "
            "between them, at most 96 for a name"
        )
    elif isinstance(error, errors.LocalTokenNotFoundError) or status in (401, 403):
        why = "the Hub wants to know who you are, or does not let you; log in with `hf auth login`, and check the name"
    elif status is None and isinstance(error, OSError) and error.strerror and not isinstance(error, ConnectionError):
        why = f"it cannot be kept here ({error.strerror}); free some space, or set HF_HOME to another place"
    elif isinstance(error, errors.LocalEntryNotFoundError | errors.OfflineModeIsEnabled) or status is None:
        why = f"the Hub cannot be reached ({type(error).__name__}); check the connection, and try again"
    elif status == 404:
        why = f"the Hub has no such thing, or hides it ({type(error).__name__}); check the name, or `hf auth login`"
    else:
        why = f"the Hub refuses ({type(error).__name__}, {status}); try again later"
    return UserError(f"{what}: {why}")
