"""Redis's commands, one function each.  Importing this package files them all in the registry.

Read next: strings.py, the simplest; then registry.py in minidis/engine for the decorator.
"""

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
