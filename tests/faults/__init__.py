"""The gallery of broken engines: each is a sound engine with one realistic fault."""

from .arrays import FAULTS as ARRAYS
from .elementwise import FAULTS as ELEMENTWISE
from .hooks import FAULTS as HOOKS
from .linear import FAULTS as LINEAR
from .narrow import FAULTS as NARROW
from .others import FAULTS as OTHERS
from .state import FAULTS as STATE
from .statistical import FAULTS as STATISTICAL
from .ways import Fault as Fault

FAULTS = [*ELEMENTWISE, *STATISTICAL, *ARRAYS, *LINEAR, *HOOKS, *STATE, *OTHERS, *NARROW]
