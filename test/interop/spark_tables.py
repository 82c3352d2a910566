"""Spark with Delta, driven by lines: each line of stdin is a JSON request, each line of stdout its answer.

    {"sql": ["DELETE FROM delta.`/a/b` ..."]}         -> {"ok": true}, the statements in their order
    {"export": "SELECT ...", "to": "/c/d.parquet"}    -> {"ok": true, "rows": 7, "schema": "struct<...>"}

What fails answers {"ok": false, "error": "..."}. With --probe it only says whether Spark could be started here: the
reason why not goes to stderr, and the exit code is 1. Nothing is ever downloaded: the jars of Delta are those in
DELTA_JARS (paths with commas between), of pyspark's own folder, or what Ivy or Maven has fetched before.
"""

import glob
import importlib.metadata
import importlib.util
import json
import os
import shutil
import sys


def find_jars():
    """Paths of the jars that Spark is to load beside its own; LookupError says what is missing."""
    for package in ("pyspark", "delta"):
        if importlib.util.find_spec(package) is None:
            raise LookupError(f"no package {package}")
    if "JAVA_HOME" not in os.environ and shutil.which("java") is None:
        raise LookupError("no java")
    if os.environ.get("DELTA_JARS"):
        return os.environ["DELTA_JARS"].split(",")
    version = importlib.metadata.version("delta-spark")
    own = os.path.join(os.path.dirname(importlib.util.find_spec("pyspark").origin), "jars")
    ivy = os.path.expanduser("~/.ivy2*/jars")
    maven = os.path.expanduser("~/.m2/repository/io/delta/*/*")
    jars = []
    for name in (f"delta-spark_*-{version}.jar", f"delta-storage-{version}.jar"):
        found = [path for folder in (own, ivy, maven) for path in glob.glob(os.path.join(folder, f"*{name}"))]
        if not found:
            raise LookupError(f"no {name} in {own}, {ivy} or {maven}")
        jars.append(found[0])
    return jars


def start(jars, scratch):
    from pyspark.sql import SparkSession

    return (
        SparkSession.builder.master("local[1]")
        .config("spark.jars", ",".join(jars))
        .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
        .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
        .config("spark.sql.session.timeZone", "UTC")
        .config(
            "spark.driver.extraJavaOptions",
            # Little is run often enough to be worth compiling well.
            f"-Duser.timezone=UTC -Dderby.system.home={scratch} -XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        )
        .config("spark.sql.codegen.wholeStage", "false")
        .config("spark.driver.memory", "1g")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.local.dir", scratch)
        .config("spark.sql.warehouse.dir", os.path.join(scratch, "warehouse"))
        .config("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
        .config("spark.sql.shuffle.partitions", "1")
        .config("spark.databricks.delta.snapshotPartitions", "1")
        .config("spark.databricks.delta.optimize.maxThreads", "1")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .getOrCreate()
    )


def export(spark, query, target):
    """Writes the rows of a query as one Parquet file."""
    rows = spark.sql(query)
    folder = target + ".parts"
    rows.coalesce(1).write.parquet(folder)
    [part] = glob.glob(os.path.join(folder, "part-*.parquet"))
    os.replace(part, target)
    shutil.rmtree(folder)
    return {"rows": rows.count(), "schema": rows.schema.simpleString()}


def answer(spark, request):
    if "export" in request:
        return export(spark, request["export"], request["to"])
    for statement in request["sql"]:
        spark.sql(statement)
    return {}


def main():
    try:
        jars = find_jars()
    except LookupError as missing:
        sys.exit(str(missing))
    if "--probe" in sys.argv:
        return
    spark = start(jars, sys.argv[1])
    spark.sparkContext.setLogLevel("ERROR")
    for line in sys.stdin:
        try:
            reply = {"ok": True, **answer(spark, json.loads(line))}
        except Exception as error:
            reply = {"ok": False, "error": f"{line.strip()[:300]}: {str(error)[:700]}"}
        print(json.dumps(reply), flush=True)
    spark.stop()


main()
