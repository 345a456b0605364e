{{/* What the monitors and the alerts can't do without. */}}
{{- define "healthkit-app.monitorGuards" -}}
{{- if not .Values.metrics.enabled -}}
{{- fail "found a monitor and metrics.enabled false: expected the app to serve metrics; set metrics.enabled" -}}
{{- end -}}
{{- if and .Values.podMonitor.enabled .Values.serviceMonitor.enabled -}}
{{- fail "found podMonitor.enabled and serviceMonitor.enabled: expected one of them, or each pod is scraped twice; leave serviceMonitor.enabled false" -}}
{{- end -}}
{{- end }}

{{/* Which series are this release's: those of its monitor's job. The operator calls a PodMonitor's
job NAMESPACE/NAME, and a ServiceMonitor's by the name of the Service. */}}
{{- define "healthkit-app.seriesSelector" -}}
{{- if .Values.prometheusRule.selector -}}
{{ .Values.prometheusRule.selector }}
{{- else if or .Values.podMonitor.enabled .Values.serviceMonitor.enabled -}}
namespace="{{ .Release.Namespace }}", job=~"({{ .Release.Namespace }}/)?{{ include "healthkit-app.fullname" . }}"
{{- else -}}
{{- fail "found prometheusRule.enabled without a monitor: expected one, whose job the alerts ask for; set podMonitor.enabled, or prometheusRule.selector to the labels of your own scrape" -}}
{{- end -}}
{{- end }}

{{/* Seconds between two scrapes, of whichever monitor is on. */}}
{{- define "healthkit-app.scrapeInterval" -}}
{{- .Values.serviceMonitor.enabled | ternary .Values.serviceMonitor.intervalSeconds .Values.podMonitor.intervalSeconds | int -}}
{{- end }}

{{/* One section of RUNBOOKS.md, by the alert's name; a checkout on Windows may have CRLF. */}}
{{- define "healthkit-app.runbook" -}}
{{- $found := "" -}}
{{- range splitList "\n## " (.root.Files.Get "RUNBOOKS.md" | replace "\r" "") -}}
{{- if hasPrefix (printf "%s\n" $.alert) . -}}
{{- $found = trimPrefix $.alert . | trim -}}
{{- end -}}
{{- end -}}
{{- $found | required (printf "found no section %s in RUNBOOKS.md: expected one for each alert; write it" .alert) -}}
{{- end }}
