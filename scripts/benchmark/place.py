"""Where things are, and how the bench speaks and runs what it needs."""

import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "pipewright")
BIN = os.path.join(ROOT, "target/release")
PEERS = os.path.join(CACHE, "peers")


def say(text):
    """A word of progress or trouble."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def sh(*command, **options):
    """Runs a command that must succeed; what it prints is no part of the answer."""
    subprocess.run(command, check=True, stdout=sys.stderr, **options)


def filled(text, places):
    """A text with its {places} filled in; braces that are none stay."""
    return re.sub(r"\{(\w+)\}", lambda found: places.get(found[1], found[0]), text)
