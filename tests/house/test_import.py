"""What `import minidis` makes ready, everybody pays for: a list of what it must not load.

Counted, not timed: the same on every machine. `python -m benchmarks.startup` has the times.
"""

import json
import subprocess
import sys

IMPORT = """
import json, re, sys
before = set(sys.modules)  # what a .pth file of this Python has loaded
compiled = []
compile = re.compile
re.compile = lambda pattern, flags=0: (compiled.append(str(pattern)), compile(pattern, flags))[1]
import minidis
print(json.dumps([sorted(set(sys.modules) - before), compiled]))
"""

NOT_NEEDED = {
    "dataclasses": "its classes are compiled by the dozen: structures/record.py",
    "inspect": "with the compiler's own parts",
    "fractions": "only for long doubles: protocol/numbers.py",
    "decimal": "as fractions",
    "hashlib": "OpenSSL: only for passwords and scripts",
    "asyncio": "only for a server",
    "redis": "only for minidis.connect()",
    "IPython": "only for a notebook",
    "lupa": "only for the first script",
    "minidis.scripting.cjson": "only for the first script",
    "minidis.distributed.cluster.bus": "only for a node that is in a cluster",
    "minidis.distributed.sentinel": "only for a Sentinel",
}


def test_an_import_loads_nothing_that_most_never_use():
    modules, compiled = json.loads(
        subprocess.run([sys.executable, "-c", IMPORT], check=True, capture_output=True, text=True).stdout
    )
    loaded = {name: why for name, why in NOT_NEEDED.items() if name in modules}
    assert not loaded, f"import minidis loads what it need not: {loaded}"
    assert "minidis.engine.node" in modules
    assert len(compiled) <= 12, f"patterns of rare use are left to re.match and its cache: {compiled}"
