"""Imports of a package's modules without running its ``__init__.py``, which may import far more than they need.

The modules are loaded as separate copies and not entered in ``sys.modules``, so that a regular import of the package,
at any time and in any thread, is unaffected.
"""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from types import ModuleType


class PrivateModules:
    """Loads modules of the installed ``package``, and the modules that they import from it, without running
    ``__init__.py``.

    Within the package, only ``from package.module import name`` is supported. Raises ImportError for anything else.
    """

    def __init__(self, package: str) -> None:
        self._package = package
        self._loaded: dict[str, ModuleType] = {}

    def load(self, name: str) -> ModuleType:
        """The module with the full name ``name``."""
        if name in self._loaded:
            return self._loaded[name]
        spec = PathFinder.find_spec(name, self._folders(name.rpartition(".")[0]))
        if spec is None or spec.loader is None:
            raise ImportError(f"no module named {name}", name=name)
        module = module_from_spec(spec)
        # The import statement calls the __import__ of its module's builtins.
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": self._import}
        self._loaded[name] = module
        spec.loader.exec_module(module)
        return module

    def _folders(self, package: str) -> Sequence[str]:
        """The folders that contain the modules of a package."""
        parent = package.rpartition(".")[0]
        spec = PathFinder.find_spec(package, self._folders(parent)) if parent else find_spec(package)
        if spec is None or spec.submodule_search_locations is None:
            raise ImportError(f"no package named {package}", name=package)
        return spec.submodule_search_locations

    def _import(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        if level == 0 and name != self._package and not name.startswith(f"{self._package}."):
            return __import__(name, globals, locals, fromlist or (), level)
        if level > 0 or not fromlist:
            raise ImportError(f"unsupported form of import of {name}", name=name)
        return self.load(name)
