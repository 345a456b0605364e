{{- define "healthkit-app.guards" -}}
{{- if not .Values.image.repository -}}
{{- fail "found image.repository empty: expected the image of your app; set image.repository" -}}
{{- end -}}
{{- end }}
