"""`cfgdsl show`."""

import cfgdsl
from cfgdsl.cli import documents
from cfgdsl.cli import options as o
from cfgdsl.cli.exit_codes import DONE
from cfgdsl.cli.guard import guarded
from cfgdsl.cli.render.plan import plan_lines
from cfgdsl.cli.terminal import Terminal, words


@guarded
def show_command(
    file: o.PlanFile,
    *,
    trust: o.Trust = None,
    as_json: o.Json = False,
    verbose: o.Verbose = False,
    no_color: o.NoColor = False,
) -> int:
    """Show a saved plan, as `plan` showed it; connect to nothing.

    A file that was changed or cut off since it was saved is refused.
    """
    terminal = Terminal(no_color=no_color, verbose=verbose, for_programs=as_json)
    saved = cfgdsl.load_plan(file, trust=trust, only_to_show=True)
    if as_json:
        terminal.data(documents.plan_document(saved.plan))
        return DONE
    terminal.show(plan_lines(saved.plan, terminal.view))
    if saved.signed_by is not None:
        terminal.show(words(f"Signed by {saved.signed_by}."))
    return DONE
