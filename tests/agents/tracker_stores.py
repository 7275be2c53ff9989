"""What trackers' clients write where there is no network, each read back as runs with points."""

from __future__ import annotations

import importlib
import json
import sys

from agents.runs.wandb_files import read_records


class Wandb:
    """What its offline folders hold; a folder of them is a start of a run."""

    name = "wandb"

    def __init__(self, folder, patch):
        self._folder = folder
        patch.setenv("WANDB_MODE", "offline")
        patch.setenv("WANDB_SILENT", "true")
        patch.setenv("WANDB_DIR", str(folder))

    def runs(self):
        """Return for each id what its starts, in order, have as name, group, config, points and end."""
        importlib.import_module("wandb").teardown()  # its process has written everything when it has ended
        found = {}
        for path in sorted(self._folder.glob("wandb/offline-run-*/*.wandb"), key=lambda path: path.stat().st_mtime_ns):
            records = list(read_records(path))
            run = next(record.run for record in records if record.HasField("run"))
            config = {item.key: json.loads(item.value_json) for item in run.config.update}
            found.setdefault(run.run_id, {"points": [], "ends": []}).update(
                project=run.project, name=run.display_name, group=run.run_group, lr=config["lr"]
            )
            rows = [record.history for record in records if record.HasField("history")]
            for row in rows:
                values = {item.nested_key[0]: json.loads(item.value_json) for item in row.item}
                point = {name: value for name, value in values.items() if not name.startswith("_")}
                found[run.run_id]["points"].append((row.step.num, point))
            ends = [record.exit.exit_code for record in records if record.HasField("exit")]
            found[run.run_id]["ends"] += ["failed" if code else "finished" for code in ends]
        return list(found.values())


class Mlflow:
    """What its local database holds."""

    name = "mlflow"
    tables = b""  # an empty database, which takes seconds to make

    def __init__(self, folder, patch):
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        if Mlflow.tables:
            (folder / "mlflow.db").write_bytes(Mlflow.tables)
        else:
            importlib.import_module("mlflow").MlflowClient().search_experiments()
            Mlflow.tables = (folder / "mlflow.db").read_bytes()

    def runs(self):
        """Return name, group, config, points and end of each run."""
        from mlflow import MlflowClient

        client = MlflowClient()
        found = []
        for experiment in client.search_experiments(filter_string="name != 'Default'"):
            for run in client.search_runs([experiment.experiment_id]):
                points = {}
                for name in run.data.metrics:
                    for metric in client.get_metric_history(run.info.run_id, name):
                        points.setdefault(metric.step, []).append((name, metric.value))
                assert all(len(dict(values)) == len(values) for values in points.values())  # none is there twice
                found.append(
                    {
                        "project": experiment.name,
                        "name": run.info.run_name,
                        "group": run.data.tags.get("group", ""),
                        "lr": float(run.data.params["lr"]),
                        "points": [(step, dict(values)) for step, values in sorted(points.items())],
                        "ends": [run.info.status.lower()],
                    }
                )
        return found


class Trackio:
    """What its local database holds."""

    name = "trackio"

    def __init__(self, folder, patch):
        patch.setenv("TRACKIO_DIR", str(folder))
        for module in [name for name in sys.modules if name.partition(".")[0] == "trackio"]:
            patch.delitem(sys.modules, module)  # it reads the folder when it is imported

    def runs(self):
        """Return name, group, config and points of each run; it keeps no end."""
        import trackio
        from trackio.sqlite_storage import SQLiteStorage

        found = []
        for project in SQLiteStorage.get_projects():
            for run in trackio.Api().runs(project):
                logs = SQLiteStorage.get_logs(project, run.name, run_id=run.id)
                name, _, id = run.name.rpartition(" (")
                assert len(id) == 13
                points = [
                    (log["step"], {key: value for key, value in log.items() if key not in ("step", "timestamp")})
                    for log in logs
                ]
                found.append(
                    {
                        "project": project,
                        "name": name,
                        "group": run.config["_Group"] or "",
                        "lr": run.config["lr"],
                        "points": points,
                        "ends": [],
                    }
                )
        return found
