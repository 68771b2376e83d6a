"""Runs every Python snippet of src/record/README.md, in order, against an example run file, and checks what they give.

usage: readme_test.py README.md RUN_FILE ENGINE   (ENGINE: what xarray reads with: h5netcdf, netcdf4, or default)
"""
import ast
import re
import sys

SKIPPED = 77

try:
    import h5py
    import numpy
    import pandas
    import xarray
except ImportError as error:
    print(f"skipped: {error} ({sys.executable}); Debian: python3-h5py python3-pandas python3-xarray python3-h5netcdf")
    sys.exit(SKIPPED)


def run_snippet(source, scope):
    """Runs the statements; returns the values of those that are expressions."""
    values = []
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.Expr):
            values.append(eval(compile(ast.Expression(statement.value), "README.md", "eval"), scope))
        else:
            exec(compile(ast.Module([statement], []), "README.md", "exec"), scope)
    return values


def check_setup(values, scope):
    assert values == []


def check_attributes(values, scope):
    status, exit_code, job = values
    assert status == "complete"
    assert exit_code == 0
    assert job["command_line"] == "coffee_shop --orders data/orders.csv"
    assert job["started_at"] == "2026-03-01T08:00:00.000Z"
    assert job["wall_seconds"] == 12.345
    assert job["seed"] == 42
    assert scope["run"].attrs["schema_version"] == 1


def check_tasks(values, scope):
    described = values[0]
    assert described.loc["make_drink(Order const&)", "count"] == 2
    assert described.loc["clean_up()", "max"] == 3.0
    assert list(scope["tasks"]["id"]) == [1, 2, 3]
    assert list(scope["tasks"]["attempt"]) == [0, 0, 1]


def check_states(values, scope):
    assert values[0].to_dict() == {"finished": 2, "failed": 1}
    assert scope["states"] == {1: "finished", 2: "failed", 3: "cancelled", 4: "lost", 5: "interrupted",
                               6: "crashed", 7: "timed_out"}


def check_running(values, scope):
    assert list(scope["running"]) == [1, 2, 1, 0, 1, 0]


def check_dependencies(values, scope):
    assert values[0][["task", "input", "id"]].values.tolist() == [[2, 1, 1]]


def check_functions(values, scope):
    assert list(values[0]) == ["make_drink(Order const&)", "clean_up()"]


def check_errors(values, scope):
    assert values[0].values.tolist() == [["std::runtime_error", "no more milk — sorry"]]
    assert scope["table"]("errors")["host"][0] == "nœud2"


def check_runs(values, scope):
    assert values == ["271"]
    assert scope["table"]("runs")["ended"][0] == "2026-03-01T08:00:12.345Z"


def check_ranks(values, scope):
    assert list(values[0]) == [0.5 / 12, 9.5 / 12]
    ranks = scope["ranks"]
    assert list(ranks["role"]) == ["head", "worker"]
    assert numpy.isnan(ranks["lost_at"][0]) and ranks["lost_at"][1] == 11.25


def check_actors(values, scope):
    actors, methods = values
    assert actors.loc[5, "class"] == "CashRegister"
    assert actors.loc[5, "calls"] == 7
    assert methods["method"][0] == "CashRegister::record_sale(double)"
    assert methods["count"][0] == 6


def check_values(values, scope):
    assert values[0] == (26.25, "USD")
    assert values[1] == ("Fresh, every day", True)
    assert values[2].tolist() == [3, 1, 2]
    assert values[3] == 26.25
    stored = scope["values"]
    assert stored["total_revenue"].attrs["description"] == "All sales"
    assert stored["closed_at"].values == numpy.datetime64("2026-03-01T17:00:00")
    assert stored["longest_wait"].values == numpy.timedelta64(2500, "ms")
    assert not bool(stored["complaints_valid"])


def check_tables(values, scope):
    by_drink, with_table, prices = values
    assert by_drink.to_dict() == {"Cappuccino": 4.5, "Café crème": 5.0}
    assert list(with_table["table"]) == [7]
    assert prices.tolist() == [4.5, 5.0]
    drinks = scope["drinks"]
    assert list(drinks) == ["drink", "price", "decaf", "size", "sold_at", "preparation", "tip", "table", "table_valid",
                            "Cost Total $", "position.x", "position.y"]
    assert drinks["decaf"].dtype == bool and list(drinks["decaf"]) == [False, True]
    assert list(drinks["size"]) == [1, 2]
    assert drinks["sold_at"][1] == numpy.datetime64("2026-03-01T08:00:00.250")
    assert drinks["preparation"][0] == numpy.timedelta64(1500, "ms")
    assert drinks["tip"][0] == 0.5 and numpy.isnan(drinks["tip"][1])
    assert list(drinks["Cost Total $"]) == [1.25, 1.5]
    assert list(drinks["position.y"]) == [2, 4]
    opened = xarray.open_dataset(scope["path"], group="results/drinks")
    assert opened["price"].attrs["units"] == "USD"
    assert opened.attrs["description"] == "What was sold, in order"
    assert opened["price"].dims == ("row",)
    empty = xarray.open_dataset(scope["path"], group="results/no sales")
    assert list(empty) == list(drinks) and empty.sizes["row"] == 0
    walks = xarray.open_dataset(scope["path"], group="results/walks")
    assert list(walks) == ["steps", "corners", "steps_1"]
    assert walks["steps"].dims == ("row", "steps_1_") and walks["steps"].attrs["units"] == "m"
    assert walks["steps"].values.tolist() == [[1, 2, 3], [9, 10, 11]]
    assert walks["corners"].dims == ("row", "corners_1", "corners_2") and walks["corners"].dtype == numpy.int16
    assert walks["corners"].values[0].tolist() == [[4, 5], [6, 7]]
    assert list(walks["steps_1"]) == [8, 12]


def check_arrays(values, scope):
    mean, (dims, units), numbers = values
    assert mean == 24.0
    assert dims == ("hour", "place") and units == "degC"
    assert numbers.tolist() == [[20, 21, 22], [23, 24, 25]]
    pressure = xarray.open_dataarray(scope["path"], group="results/pressure")
    assert pressure.dims == ("dim_0",)
    numpy.testing.assert_array_equal(pressure.values, [numpy.nan, 2.5, 3.5, numpy.nan])


# One for each snippet of the page, in its order.
CHECKS = [check_setup, check_attributes, check_tasks, check_states, check_running, check_dependencies, check_functions,
          check_errors, check_runs, check_ranks, check_actors, check_values, check_tables, check_arrays]


def main():
    readme, run_file, engine = sys.argv[1:]
    if engine != "default":
        if engine not in xarray.backends.list_engines():
            print(f"skipped: xarray has no engine {engine} ({sys.executable})")
            sys.exit(SKIPPED)
        if engine == "h5netcdf":
            import h5netcdf

            if tuple(map(int, h5netcdf.__version__.split(".")[:2])) >= (1, 4):
                print("skipped: h5netcdf 1.4 and later fail for bools of a named type, which netCDF wants")
                sys.exit(SKIPPED)
        for name in ("open_dataset", "open_dataarray"):
            plain = getattr(xarray, name)
            setattr(xarray, name, lambda *a, _plain=plain, **k: _plain(*a, engine=engine, **k))
    with open(readme, encoding="utf-8") as page:
        snippets = re.findall(r"^```python\n(.*?)^```", page.read(), re.M | re.S)
    assert len(snippets) == len(CHECKS), f"{len(snippets)} snippets in {readme}, {len(CHECKS)} checks here"
    scope = {}
    for snippet, check in zip(snippets, CHECKS):
        try:
            values = run_snippet(snippet.replace('"coffee_shop.h5"', repr(run_file)), scope)
            check(values, scope)
        except BaseException:
            print(f"{check.__name__} fails for this snippet of {readme}:\n{snippet}", file=sys.stderr)
            raise
    print(f"{len(snippets)} snippets, engine {engine}: all as documented")


main()
