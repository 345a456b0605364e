{{/*
What can't be, refused in one sentence each: what was found, what was expected, what to do. A value
of a wrong type or out of its range never gets here: values.schema.json refuses it. `helm lint`
passes a chart that fails here; `helm template` doesn't.
*/}}

{{- define "healthkit-app.guards" -}}
{{- include "healthkit-app.guardEnabled" . -}}
{{- include "healthkit-app.guardNames" . -}}
{{- include "healthkit-app.guardImage" . -}}
{{- include "healthkit-app.guardContainer" . -}}
{{- include "healthkit-app.guardVolumes" . -}}
{{- include "healthkit-app.guardLabels" . -}}
{{- include "healthkit-app.guardPaths" . -}}
{{- include "healthkit-app.guardPreStop" . -}}
{{- include "healthkit-app.guardTimes" . -}}
{{- include "healthkit-app.guardScale" . -}}
{{- include "healthkit-app.guardGate" . -}}
{{- include "healthkit-app.guardIngress" . -}}
{{- include "healthkit-app.guardHttpRoute" . -}}
{{- end }}

{{/* Helm hands a dependency's condition on to it, as in `condition: web.enabled`. Where it is false
the chart is not rendered. */}}
{{- define "healthkit-app.guardEnabled" -}}
{{- if and (hasKey .Values "enabled") (not .Values.enabled) -}}
{{- fail "found enabled false, and the chart rendered all the same: expected it to be the condition of a dependency; write that condition in the parent's Chart.yaml, or take enabled out" -}}
{{- end -}}
{{- end }}

{{/* A Service's name is a DNS label of 63 characters; "-closed" is the longest that is added. */}}
{{- define "healthkit-app.guardNames" -}}
{{- $name := include "healthkit-app.wholeName" . -}}
{{- if gt (len $name) 56 -}}
{{- fail (printf "found the name %s, %d characters long: expected 56 at most, for what is added to it must fit in 63; set fullnameOverride" $name (len $name)) -}}
{{- end -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name) -}}
{{- fail (printf "found the name %s: expected small letters, digits and '-', a letter first, as a Service's name has; set fullnameOverride" $name) -}}
{{- end -}}
{{- $override := .Values.nameOverride | default "" -}}
{{- if gt (len $override) 56 -}}
{{- fail (printf "found nameOverride of %d characters: expected 56 at most, for it is part of a label; shorten it" (len $override)) -}}
{{- end -}}
{{- if not (regexMatch "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$" $override) -}}
{{- fail (printf "found nameOverride %s: expected letters, digits, '-', '_' and '.', the first and the last a letter or a digit, as a label has it; change nameOverride" (quote $override)) -}}
{{- end -}}
{{- end }}

{{- define "healthkit-app.guardImage" -}}
{{- if not .Values.image.repository -}}
{{- fail "found image.repository empty: expected your app's image; set image.repository" -}}
{{- end -}}
{{- if not (regexMatch "^([A-Za-z0-9.-]+(:[0-9]+)?/)?[a-z0-9]+([._/-]+[a-z0-9]+)*$" .Values.image.repository) -}}
{{- fail "found a scheme, a tag, a digest or capitals in image.repository: expected a name as registry.example/shop is one; give the tag or the digest in image.tag" -}}
{{- end -}}
{{- if not .Values.image.tag -}}
{{- fail "found image.tag empty: expected your app's version, for latest can't be rolled back; set image.tag" -}}
{{- end -}}
{{- end }}

{{- define "healthkit-app.guardContainer" -}}
{{- $dir := .Values.stateDir -}}
{{- if has (trimSuffix "/" $dir) (list "" "/tmp") -}}
{{- fail (printf "found stateDir %s: expected a directory of its own, as in /run/healthkit; change stateDir" $dir) -}}
{{- end -}}
{{- $own := dict "HEALTHKIT_DRAIN_DELAY" "drainDelaySeconds" "HEALTHKIT_DRAIN_TIMEOUT" "longestRequestSeconds" "HEALTHKIT_GRACE_PERIOD" "terminationGracePeriodSeconds" "HEALTHKIT_STATE_DIR" "stateDir" "HEALTHKIT_WORKERS" "workers" "WEB_CONCURRENCY" "workers" "HEALTHKIT_METRICS_PATH" "metrics" "HEALTHKIT_READINESS_GATE" "readinessGate" -}}
{{- $names := list -}}
{{- range .Values.env -}}
{{- if hasKey $own .name -}}
{{- fail (printf "found %s in env: expected it from the value that the other numbers are computed from; set %s in its place" .name (get $own .name)) -}}
{{- end -}}
{{- if has .name $names -}}
{{- fail (printf "found %s twice in env: expected each name once, for a server-side apply refuses the second; take one out" .name) -}}
{{- end -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- end }}

{{/* The API server refuses two volumes of one name, two mounts of one path, and a mount of nothing. */}}
{{- define "healthkit-app.guardVolumes" -}}
{{- $names := list "tmp" -}}
{{- $paths := list "/tmp" -}}
{{- if include "healthkit-app.hasStateDir" . -}}
{{- $names = append $names "healthkit" -}}
{{- $paths = append $paths (trimSuffix "/" .Values.stateDir) -}}
{{- end -}}
{{- range .Values.volumes -}}
{{- if has .name $names -}}
{{- fail (printf "found the name %s in volumes: expected another one, for the chart has a volume of that name; change it" .name) -}}
{{- end -}}
{{- end -}}
{{- range .Values.volumes -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- range .Values.volumeMounts -}}
{{- if not (has .name $names) -}}
{{- fail (printf "found the volume %s in volumeMounts: expected one that there is; add it to volumes, or change its name" .name) -}}
{{- end -}}
{{- if has (trimSuffix "/" .mountPath) $paths -}}
{{- fail (printf "found the mountPath %s in volumeMounts: expected another one, for the chart mounts a volume there; change it" .mountPath) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "healthkit-app.guardLabels" -}}
{{- range $label := list "app.kubernetes.io/name" "app.kubernetes.io/instance" -}}
{{- if hasKey ($.Values.podLabels | default dict) $label -}}
{{- fail (printf "found %s in podLabels: expected other labels, for the Service finds the pods by this one; take it out" $label) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "healthkit-app.guardPaths" -}}
{{- $paths := .Values.paths -}}
{{- if or (eq $paths.ready $paths.live) (eq $paths.ready $paths.startup) -}}
{{- fail (printf "found paths.ready %s, which paths.live or paths.startup is too: expected a path of its own, or each failing dependency restarts the pod; change paths.ready" $paths.ready) -}}
{{- end -}}
{{- if and .Values.metrics.enabled (has .Values.metrics.path (list $paths.startup $paths.live $paths.ready)) -}}
{{- fail (printf "found metrics.path %s, which is a probe's too: expected a path of its own; change metrics.path" .Values.metrics.path) -}}
{{- end -}}
{{- end }}

{{- define "healthkit-app.guardPreStop" -}}
{{- $v := .Values -}}
{{- if eq $v.preStop "sleep" -}}
{{- if not (semverCompare ">=1.30-0" .Capabilities.KubeVersion.Version) -}}
{{- fail (printf "found preStop sleep for Kubernetes %s: expected 1.30 or later, which has that action; set preStop to exec or auto" .Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{- if not (int $v.drainDelaySeconds) -}}
{{- fail "found preStop sleep and drainDelaySeconds 0: expected seconds to sleep for; set drainDelaySeconds, or preStop to none" -}}
{{- end -}}
{{- end -}}
{{- $words := concat ($v.command | default list) ($v.args | default list) | join " " -}}
{{- $alone := regexMatch "(-w|--workers)[ =]?0( |$)" $words -}}
{{- $kept := and (regexMatch "(^|[ /])hypercorn( |$)" $words) (not $alone) (not (contains "healthkit run" $words)) -}}
{{- if and $kept (has (include "healthkit-app.preStop" .) (list "sleep" "none")) -}}
{{- fail (printf "found preStop %s and a command of hypercorn, whose workers get no SIGTERM: expected a hook that reaches them; set preStop to exec, or put healthkit run -- before the command" $v.preStop) -}}
{{- end -}}
{{- end }}

{{- define "healthkit-app.guardTimes" -}}
{{- $n := include "healthkit-app.numbers" . | fromYaml -}}
{{- if lt (int $n.grace) (int $n.graceNeeded) -}}
{{- fail (printf "found terminationGracePeriodSeconds %d: expected %d at least, %d s of drain delay, %d s for the longest request and %d s for the exit; leave it null, or lower one of these" (int $n.grace) (int $n.graceNeeded) (int $n.drainDelay) (int $n.inFlight) (int $n.reserve)) -}}
{{- end -}}
{{- if and (int $n.progressDeadline) (lt (int $n.progressDeadline) (int $n.progressNeeded)) -}}
{{- fail (printf "found progressDeadlineSeconds %d: expected %d at least, %d s for the image, %d s for the latest start, and readiness for %d s; leave it null, or lower one of these" (int $n.progressDeadline) (int $n.progressNeeded) (int $n.pull) (int $n.startup.latestKill) (int $n.minReady)) -}}
{{- end -}}
{{- end }}

{{- define "healthkit-app.guardScale" -}}
{{- $scale := .Values.autoscaling -}}
{{- if $scale.enabled -}}
{{- if gt (int $scale.minReplicas) (int $scale.maxReplicas) -}}
{{- fail (printf "found autoscaling.minReplicas %d and maxReplicas %d: expected a maximum that is no less; raise autoscaling.maxReplicas" (int $scale.minReplicas) (int $scale.maxReplicas)) -}}
{{- end -}}
{{- $targets := dict "cpu" $scale.targetCPUUtilizationPercentage "memory" $scale.targetMemoryUtilizationPercentage -}}
{{- if not (or $targets.cpu $targets.memory) -}}
{{- fail "found autoscaling without a target: expected percents of CPU or of memory; set autoscaling.targetCPUUtilizationPercentage" -}}
{{- end -}}
{{- range $what, $percent := $targets -}}
{{- if and $percent (not (dig "requests" $what "" ($.Values.resources | default dict))) -}}
{{- fail (printf "found autoscaling by %s and no resources.requests.%s: expected what the percents are of; set resources.requests.%s" $what $what $what) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and .Values.podDisruptionBudget.enabled (has (toString .Values.podDisruptionBudget.maxUnavailable) (list "0" "0%")) -}}
{{- fail "found podDisruptionBudget.maxUnavailable 0: expected 1 or more, or no node of these pods can be drained; raise it, or set podDisruptionBudget.enabled to false" -}}
{{- end -}}
{{- end }}

{{- define "healthkit-app.guardGate" -}}
{{- $v := .Values -}}
{{- if $v.readinessGate.enabled -}}
{{- $condition := $v.readinessGate.condition -}}
{{- if not (regexMatch "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$" $condition) -}}
{{- fail (printf "found readinessGate.condition %s: expected a name with its domain, as in healthkit.dev/cache-warm; change readinessGate.condition" ($condition | quote)) -}}
{{- end -}}
{{- if eq (include "healthkit-app.serviceAccountName" .) "default" -}}
{{- fail "found readinessGate.enabled and the ServiceAccount default: expected one of the app's own, or every pod that runs as default may patch pods/status; set serviceAccount.create, or serviceAccount.name" -}}
{{- end -}}
{{- range $v.env -}}
{{- if has .name (list "POD_NAME" "POD_NAMESPACE") -}}
{{- fail (printf "found %s in env: expected it from readinessGate, which sets it; take it out of env" .name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Takes a dict of root, path, and what: where that path is. A path is open if it is a closed one
or below it; what is above is closed by a longer rule. */}}
{{- define "healthkit-app.guardOpen" -}}
{{- $path := .path | trimSuffix "*" | trimSuffix "/" -}}
{{- $what := .what -}}
{{- range include "healthkit-app.closedPaths" .root | fromYamlArray -}}
{{- if or (eq $path .) (hasPrefix (printf "%s/" .) $path) -}}
{{- fail (printf "found %s in %s: expected none that the probes, metrics or closedPaths have, for it tells the world of the inside; take it out" $path $what) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "healthkit-app.guardIngress" -}}
{{- if .Values.ingress.enabled -}}
{{- if not .Values.ingress.hosts -}}
{{- fail "found ingress.enabled and no ingress.hosts: expected at least one, with its paths; set ingress.hosts" -}}
{{- end -}}
{{- range .Values.ingress.hosts -}}
{{- range .paths -}}
{{- include "healthkit-app.guardOpen" (dict "root" $ "path" .path "what" "ingress.hosts") -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "healthkit-app.guardHttpRoute" -}}
{{- if .Values.httpRoute.enabled -}}
{{- if not .Values.httpRoute.parentRefs -}}
{{- fail "found httpRoute.enabled and no httpRoute.parentRefs: expected the Gateway that it is of; set httpRoute.parentRefs" -}}
{{- end -}}
{{- range .Values.httpRoute.rules -}}
{{- range .matches -}}
{{- $path := .path | default dict -}}
{{- if eq ($path.type | default "PathPrefix") "RegularExpression" -}}
{{- fail (printf "found the expression %s in httpRoute.rules: expected Exact or PathPrefix, for how an expression ranks among the closed paths is each Gateway's own; change its type" $path.value) -}}
{{- end -}}
{{- include "healthkit-app.guardOpen" (dict "root" $ "path" ($path.value | default "/") "what" "httpRoute.rules") -}}
{{- end -}}
{{- end -}}
{{- $open := include "healthkit-app.routePaths" . | fromYamlArray -}}
{{- $closed := include "healthkit-app.closedBelow" (dict "root" . "open" $open) | fromYamlArray -}}
{{- if gt (len $closed) 64 -}}
{{- fail (printf "found %d paths to close in httpRoute.rules, those below each prefix among them: expected 64 at most, for one rule matches no more; take prefixes together, or shorten closedPaths" (len $closed)) -}}
{{- end -}}
{{- end -}}
{{- end }}
