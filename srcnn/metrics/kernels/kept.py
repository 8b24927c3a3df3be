"""What a kernel keeps from call to call, for each thread alone: no two may write to it at once."""

import functools
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def kept_by_thread(maxsize: int) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]:
    """Return a decorator that keeps the last ``maxsize`` results of a function, as ``lru_cache`` does, by thread."""

    def keeping(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        own = threading.local()

        @functools.wraps(function)
        def kept(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            if not hasattr(own, "results"):
                own.results = functools.lru_cache(maxsize)(function)
            result: Result = own.results(*args, **kwargs)
            return result

        return kept

    return keeping
