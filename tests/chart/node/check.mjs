// Hold custom resources against the models of their operators: a JSON list of documents on standard
// input, a JSON list of problems on standard output.
//
// The models' validators find wrong types and miss unknown fields. But they read each field that
// they know: so a field that nobody has read is unknown.
import * as gateway from "@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1";
import * as prometheus from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";
import { text } from "node:stream/consumers";

const models = {
  "gateway.networking.k8s.io/v1": gateway,
  "monitoring.coreos.com/v1": prometheus,
};

// Watch which fields of a value are read. Who lists them all, as of a mapping, knows them all.
function watched(value, path, unread) {
  if (value === null || typeof value !== "object") return value;
  for (const key of Array.isArray(value) ? [] : Object.keys(value)) unread.add(`${path}.${key}`);
  const below = new Map(
    Object.entries(value).map(([key, one]) => [key, watched(one, `${path}.${key}`, unread)]),
  );
  return new Proxy(value, {
    get(target, key) {
      unread.delete(`${path}.${String(key)}`);
      return below.has(key) ? below.get(key) : target[key];
    },
    ownKeys(target) {
      for (const key of Object.keys(target)) unread.delete(`${path}.${key}`);
      return Reflect.ownKeys(target);
    },
  });
}

function problems(document) {
  const name = `${document.kind}/${document.metadata.name}`;
  const Model = models[document.apiVersion]?.[document.kind];
  if (Model === undefined) return [`${name}: there is no model of ${document.apiVersion}`];
  try {
    new Model(document).validate();
  } catch (error) {
    return [`${name}: ${error.message}`];
  }
  const unread = new Set();
  const proxy = watched(document, "", unread);
  Model.prototype.validate.call(proxy);
  return [...unread].map((path) => `${name}: ${path} is an unknown field`);
}

const documents = JSON.parse(await text(process.stdin));
process.stdout.write(JSON.stringify(documents.flatMap(problems)));
