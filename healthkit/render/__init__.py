"""The manifest that fits an app's own settings, with the arithmetic beside each number.

`manifest` writes YAML for what is `Wanted`::

    print(render.manifest(render.Wanted(name="shop", image="shop:1.0.0", boot=90, drain_delay=10)))

The numbers come from `plan`, as a `Plan`; whoever writes manifests in another way, such as a Helm
chart, takes them from there. What can't be is a ConfigError of one line.

What it writes is what `healthkit.lint` has nothing to say about. Where somebody asks for what the
linter would advise against, an annotation ``healthkit/ignore.<rule>`` says who asked.
"""

from __future__ import annotations

from healthkit.render._manifest import PARTS, Part, manifest
from healthkit.render._plan import Plan, plan
from healthkit.render._wanted import PreStop, Wanted, of_app

__all__ = [
    "PARTS",
    "Part",
    "Plan",
    "PreStop",
    "Wanted",
    "manifest",
    "of_app",
    "plan",
]
