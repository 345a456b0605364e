{{/* The names and labels, as `helm create` has them. */}}

{{- define "healthkit-app.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* guards.tpl sees to it that nothing is cut off: of two names that differ only behind the cut,
one would take the other's objects. */}}
{{- define "healthkit-app.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "healthkit-app.chart" -}}
{{- printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "healthkit-app.labels" -}}
helm.sh/chart: {{ include "healthkit-app.chart" . }}
{{ include "healthkit-app.selectorLabels" . }}
{{- if regexMatch "^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$" .Values.image.tag }}
app.kubernetes.io/version: {{ .Values.image.tag | quote }}
{{- end }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "healthkit-app.selectorLabels" -}}
app.kubernetes.io/name: {{ include "healthkit-app.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "healthkit-app.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "healthkit-app.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* The image; a tag that is a digest is joined by "@". */}}
{{- define "healthkit-app.image" -}}
{{- $joint := hasPrefix "sha256:" .Values.image.tag | ternary "@" ":" -}}
{{ .Values.image.repository }}{{ $joint }}{{ .Values.image.tag }}
{{- end }}
