"""Arrays of ``results.nc`` of experiments on processes: names, axes, units and meanings."""

from experiments.lab.run import Array
from experiments.shared.processes.records import Process
from experiments.shared.processes.search import METHODS


def arrays_of(process: Process) -> dict[str, Array]:
    """Describe histories, latent space, candidates and campaigns in the units of a process."""
    control, first = process.control, process.outcomes[0]
    families = ", ".join(f"{number}: {name}" for number, name in enumerate(process.families))
    table = {
        "history": Array(("history_number", "sample"), control.units, f"generated histories: {control.name}"),
        "duration": Array(("history_number",), "s", "duration of each"),
        "family": Array(("history_number",), "1", f"family ({families})"),
        "latent_mean": Array(("history_number", "z"), "1", "posterior mean of each"),
        "cell_latent": Array(("cell", "z"), "1", "candidates: cells of the latent grid inside the support"),
        "cell_history": Array(("cell", "sample"), control.units, f"decoded {control.name} of each cell"),
        "cell_duration": Array(("cell",), "s", "decoded duration of each cell"),
    }
    for outcome in process.outcomes:
        table[f"generated_{outcome.name}"] = Array(("history_number",), outcome.units, outcome.text)
        table[f"cell_{outcome.name}"] = Array(("cell",), outcome.units, outcome.text)
    for name, words in METHODS.items():
        of = "generated history" if name == "family" else "cell"
        table |= {
            f"{name}_row": Array(("seed", "evaluation"), "1", f"{words}: {of} evaluated"),
            f"{name}_value": Array(("seed", "evaluation"), first.units, f"{words}: its value; NaN: failed"),
            f"{name}_best": Array(("seed", "evaluation"), first.units, f"{words}: best so far; NaN: none yet"),
        }
    return table
