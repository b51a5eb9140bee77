# SPDX-License-Identifier: BSD-2-Clause
"""Holds documents to a schema: schema.py SCHEMA DOCUMENT...

Members that the schema does not describe are faults too, and so are members of
the schema without a description. Uses python3-jsonschema where it is there; what
the schema is made of is few words, and these are checked here without it.
"""
import json, sys

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int,
         "null": type(None)}


def fits_type(value, name):
    return isinstance(value, TYPES[name]) and not (name == "integer" and isinstance(value, bool))


def faults(value, schema, root, where):
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(fits_type(value, kind) for kind in kinds):
        yield f"{where}: {value!r} is not of type {kinds}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where}: {value!r} is none of {schema['enum']}"
    if "const" in schema and value != schema["const"]:
        yield f"{where}: {value!r} is not {schema['const']}"
    if isinstance(value, int) and not schema.get("minimum", value) <= value <= schema.get(
            "maximum", value):
        yield f"{where}: {value!r} is out of bounds"
    if isinstance(value, dict):
        for name in schema.get("required", []):
            if name not in value:
                yield f"{where} lacks {name}"
        for name, member in value.items():
            if name not in schema["properties"]:
                yield f"{where}.{name} is not described"
            else:
                yield from faults(member, schema["properties"][name], root, f"{where}.{name}")
    if isinstance(value, list):
        for i, item in enumerate(value):
            yield from faults(item, schema["items"], root, f"{where}[{i}]")


def undescribed(schema, where):
    for name, member in schema.get("properties", {}).items():
        if not member.get("description", "").endswith("."):
            yield f"{where}.{name} has no description"
        yield from undescribed(member, f"{where}.{name}")
    inners = list(schema.get("$defs", {}).values())
    for inner in inners + ([schema["items"]] if "items" in schema else []):
        yield from undescribed(inner, where)


def main():
    schema = json.load(open(sys.argv[1]))
    found = list(undescribed(schema, "schema"))
    try:
        import jsonschema
    except ImportError:
        jsonschema = None
    for name in sys.argv[2:]:
        document = json.load(open(name))
        found += faults(document, schema, schema, name)
        if jsonschema:
            jsonschema.Draft202012Validator.check_schema(schema)
            found += [f"{name}: {error.message}"
                      for error in jsonschema.Draft202012Validator(schema).iter_errors(document)]
    print("\n".join(found[:20]))
    return 1 if found else 0


sys.exit(main())
