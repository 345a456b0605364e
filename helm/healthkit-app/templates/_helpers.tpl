{{/* The names and labels, as `helm create` has them. */}}

{{- define "healthkit-app.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The name of all objects, however long it is; _guards.tpl refuses what would be cut off. */}}
{{- define "healthkit-app.wholeName" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name }}
{{- end }}
{{- end }}

{{- define "healthkit-app.fullname" -}}
{{- include "healthkit-app.wholeName" . | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "healthkit-app.chart" -}}
{{- printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The version is the app's: its tag, if a label can say it. */}}
{{- define "healthkit-app.labels" -}}
helm.sh/chart: {{ include "healthkit-app.chart" . }}
{{ include "healthkit-app.selectorLabels" . }}
{{- if regexMatch "^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$" .Values.image.tag }}
app.kubernetes.io/version: {{ .Values.image.tag | quote }}
{{- end }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "healthkit-app.selectorLabels" -}}
app.kubernetes.io/name: {{ include "healthkit-app.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "healthkit-app.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "healthkit-app.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* A tag that is a digest is joined by "@". */}}
{{- define "healthkit-app.image" -}}
{{- $joint := hasPrefix "sha256:" .Values.image.tag | ternary "@" ":" -}}
{{ .Values.image.repository }}{{ $joint }}{{ .Values.image.tag }}
{{- end }}

{{/* How healthkit is called in the image: what preStopCommand has before "drain". A list, as YAML. */}}
{{- define "healthkit-app.program" -}}
{{- $words := list -}}
{{- $all := .Values.preStopCommand -}}
{{- range until (has "drain" $all | ternary (len $all) 0) -}}
{{- if not (has "drain" (slice $all 0 (add1 .))) -}}
{{- $words = append $words (index $all .) -}}
{{- end -}}
{{- end -}}
{{- $words | default (list "healthkit") | toYaml -}}
{{- end }}

{{/* How many pods there are at least. */}}
{{- define "healthkit-app.leastReplicas" -}}
{{- $scaled := .Values.autoscaling.enabled -}}
{{ $scaled | ternary (int .Values.autoscaling.minReplicas) (int .Values.replicaCount) }}
{{- end }}

{{/* What is not led to from outside: a list, as YAML. */}}
{{- define "healthkit-app.closedPaths" -}}
{{- $paths := list .Values.paths.startup .Values.paths.live .Values.paths.ready -}}
{{- if .Values.metrics.enabled -}}
{{- $paths = append $paths .Values.metrics.path -}}
{{- end -}}
{{- concat $paths (.Values.closedPaths | default list) | uniq | toYaml -}}
{{- end }}

{{/* Takes a dict of root and open: what is led to, each with path and pathType. The same as
closedPaths, and each of them below each open path: there answers an app with a root path, and one
behind a rewritten path. But not what is open by its very name. */}}
{{- define "healthkit-app.closedBelow" -}}
{{- $closed := include "healthkit-app.closedPaths" .root | fromYamlArray -}}
{{- $named := list -}}
{{- range .open -}}
{{- $named = append $named .path -}}
{{- end -}}
{{- $paths := $closed -}}
{{- range .open -}}
{{- $above := .path | trimSuffix "*" | trimSuffix "/" -}}
{{- if and (ne .pathType "Exact") (regexMatch "^(/[A-Za-z0-9._~!$&'()+,;=:@%-]+)+$" $above) -}}
{{- range $closed -}}
{{- $paths = has (print $above .) $named | ternary $paths (append $paths (print $above .)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $paths | uniq | toYaml -}}
{{- end }}

{{/* What the HTTPRoute leads to: a list of path and pathType, as YAML. */}}
{{- define "healthkit-app.routePaths" -}}
{{- $paths := list -}}
{{- range .Values.httpRoute.rules -}}
{{- range .matches -}}
{{- $path := .path | default dict -}}
{{- $kind := $path.type | default "PathPrefix" -}}
{{- $paths = append $paths (dict "path" ($path.value | default "/") "pathType" $kind) -}}
{{- end -}}
{{- end -}}
{{- $paths | toYaml -}}
{{- end }}
