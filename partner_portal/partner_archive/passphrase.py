"""The passphrase of an archive, read from a file: what is typed after a command shows in the list of processes."""

from pathlib import Path

from partner_portal.partner_archive.manifest import ArchiveError

SHORTEST = 12  # letters


def passphrase_from(file: Path | None) -> str:
    """The first line of the file; "" without a file. Raises ArchiveError when it is too short, or cannot be read."""
    if file is None:
        return ""
    try:
        text = file.read_text(encoding="utf-8").partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ArchiveError(f"The passphrase in {file} cannot be read: {error}.") from None
    if len(text) < SHORTEST:
        raise ArchiveError(f"The passphrase in {file} has {len(text)} letters; it needs {SHORTEST}.")
    return text
