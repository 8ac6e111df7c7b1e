"""Prints the JSON Schema of each OCSF class that is named: `ocsf_schema.py <version> <class>[:<profile>…] …`."""
import json
import sys

from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

version, *classes = sys.argv[1:]
schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(version))
found = {}
for one in classes:
    name, *profiles = one.split(":")
    found[name] = schema.get_class_schema(name, profiles)
json.dump(found, sys.stdout)
