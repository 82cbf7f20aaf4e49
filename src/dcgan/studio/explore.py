"""What the Explore half of the page asks of Python."""

from starlette.routing import BaseRoute

from dcgan.studio.library import Library


def routes(library: Library) -> list[BaseRoute]:
    return []
