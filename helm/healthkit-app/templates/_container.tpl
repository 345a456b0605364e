{{/* The container's life: its environment, its probes, its preStop hook. The words are those of
`healthkit render`. */}}

{{- define "healthkit-app.env" -}}
{{- $n := include "healthkit-app.numbers" . | fromYaml -}}
{{- $v := .Values -}}
{{- if eq $n.preStop "sleep" -}}
# The kubelet has slept already; this is for kept connections to be told to
# close.
{{ else if eq $n.preStop "exec" -}}
# The preStop hook begins the drain: the app serves on for so long.
{{ else -}}
# SIGTERM begins the drain: the app serves on for so long.
{{ end -}}
- name: HEALTHKIT_DRAIN_DELAY
  value: {{ int $n.appDelay | quote }}
- name: HEALTHKIT_DRAIN_TIMEOUT
  value: {{ int $n.inFlight | quote }}
# So that healthkit warns at start when the drain does not fit.
- name: HEALTHKIT_GRACE_PERIOD
  value: {{ int $n.grace | quote }}
{{- if include "healthkit-app.hasStateDir" . }}
- name: HEALTHKIT_STATE_DIR
  value: {{ $v.stateDir | quote }}
# As many as the server starts: --workers.
- name: HEALTHKIT_WORKERS
  value: {{ int $v.workers | quote }}
{{- end }}
{{- if gt (int $v.workers) 1 }}
# What uvicorn and gunicorn start, if their command does not say.
- name: WEB_CONCURRENCY
  value: {{ int $v.workers | quote }}
{{- end }}
{{- if $v.metrics.enabled }}
- name: HEALTHKIT_METRICS_PATH
  value: {{ $v.metrics.path | quote }}
{{- end }}
{{- if $v.readinessGate.enabled }}
# The condition that the app sets on its own pod, and which pod that is.
- name: HEALTHKIT_READINESS_GATE
  value: {{ $v.readinessGate.condition | quote }}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
{{- end }}
{{- with $v.env }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "healthkit-app.probes" -}}
{{- $n := include "healthkit-app.numbers" . | fromYaml -}}
{{- $s := $n.startup -}}
{{- $l := $n.liveness -}}
{{- $r := $n.readiness -}}
startupProbe:
  httpGet:
    path: {{ .Values.paths.startup }}
    port: http
  periodSeconds: {{ int $s.periodSeconds }}
  timeoutSeconds: {{ int $s.timeoutSeconds }}
  # ({{ int $s.failureThreshold }} - 1) * {{ int $s.periodSeconds }} s = {{ int $s.guaranteed }} s: {{ include "healthkit-app.startReason" . }},
  # guaranteed. What never starts is killed after {{ int $s.latestKill }} s at the latest.
  failureThreshold: {{ int $s.failureThreshold }}
livenessProbe:
  httpGet:
    path: {{ .Values.paths.live }}
    port: http
  periodSeconds: {{ int $l.periodSeconds }}
  timeoutSeconds: {{ int $l.timeoutSeconds }}
  # ({{ int $l.failureThreshold }} - 1) * {{ int $l.periodSeconds }} s + {{ int $l.timeoutSeconds }} s = {{ int $l.earliestKill }} s: a hang is killed {{ int $l.earliestKill }} to {{ int $l.latestKill }} s after it began, and
  # readiness has failed by then.
  failureThreshold: {{ int $l.failureThreshold }}
readinessProbe:
  httpGet:
    path: {{ .Values.paths.ready }}
    port: http
  periodSeconds: {{ int $r.periodSeconds }}
  timeoutSeconds: {{ int $r.timeoutSeconds }}
  # {{ int $r.failureThreshold }} * {{ int $r.periodSeconds }} s = {{ int $r.latestUnready }} s, and 1.2 s of kube-proxy: {{ addf $r.latestUnready 1.2 | printf "%.1f" }} s at most until a pod that says
  # 503 gets no new connection. One that is deleted leaves at once.
  failureThreshold: {{ int $r.failureThreshold }}
{{- end }}

{{- define "healthkit-app.lifecycle" -}}
{{- $n := include "healthkit-app.numbers" . | fromYaml -}}
{{- if eq $n.preStop "exec" -}}
lifecycle:
  # All workers turn unready and serve on for {{ int $n.appDelay }} s, then until nothing is
  # in flight, for {{ int $n.inFlight }} s at most. Then SIGTERM comes.
  preStop:
    exec:
      command:
        {{- toYaml .Values.preStopCommand | nindent 8 }}
{{- else if eq $n.preStop "sleep" -}}
lifecycle:
  {{- if gt (int $n.sleep) 1 }}
  # The pod is out of its Service when SIGTERM comes, after {{ int $n.sleep }} s.
  {{- else }}
  # SIGTERM comes after {{ int $n.sleep }} s; new connections come for 1.1 s.
  {{- end }}
  preStop:
    sleep:
      seconds: {{ int $n.sleep }}
{{- end -}}
{{- end }}

{{/* The longer of what begins when the port is open, and what runs beside it. */}}
{{- define "healthkit-app.startReason" -}}
{{- $startup := int .Values.startupSeconds -}}
{{- $warmUp := int .Values.warmUpSeconds -}}
the boot of {{ int .Values.bootSeconds }} s
{{- if gt $warmUp $startup }} + a warm-up of {{ $warmUp }} s
{{- if $startup }} (beside start-up work of {{ $startup }} s){{ end }}
{{- else if $startup }} + start-up work of {{ $startup }} s
{{- end }}
{{- end }}

{{/* Takes the numbers, not the root. */}}
{{- define "healthkit-app.graceReason" -}}
{{- if eq .preStop "sleep" -}}
# {{ int .sleep }} s asleep + {{ int .appDelay }} s of drain delay
# + {{ int .inFlight }} s for the longest request + {{ int .reserve }} s for the exit = {{ int .graceNeeded }} s.
{{- else -}}
# {{ int .appDelay }} s of drain delay + {{ int .inFlight }} s for the longest request
# + {{ int .reserve }} s for the exit = {{ int .graceNeeded }} s.
{{- end }}
{{- if lt (int .graceNeeded) (int .grace) }}
# {{ eq (int .grace) 30 | ternary "30 s is the default." "The value gives more." }}
{{- end }}
{{- end }}

{{/* What healthkit lint would advise against, and the values have asked for: which rules, and why
not. */}}
{{- define "healthkit-app.excuses" -}}
{{- $n := include "healthkit-app.numbers" . | fromYaml -}}
{{- $delay := int .Values.drainDelaySeconds -}}
{{- $words := regexSplit "[/\\-_.]" (lower .Values.paths.startup) -1 -}}
{{- $said := false -}}
{{- range list "start" "started" "startup" "startupz" -}}
{{- if has . $words -}}
{{- $said = true -}}
{{- end -}}
{{- end -}}
{{- if and (ne .Values.paths.startup .Values.paths.live) (not $said) }}
healthkit/ignore.HK106: {{ printf "%s is the startup endpoint of the app" .Values.paths.startup | quote }}
{{- end }}
{{- if gt (int $n.startup.guaranteed) 1800 }}
healthkit/ignore.HK211: "a start of {{ int $n.start }} s was asked for"
{{- end }}
{{- if not $delay }}
healthkit/ignore.HK301: "a drain delay of 0 s was asked for"
{{- end }}
{{- if gt (int $n.grace) 300 }}
healthkit/ignore.HK309: {{ include "healthkit-app.graceAsked" . | quote }}
{{- end }}
{{- if lt $delay 5 }}
healthkit/ignore.HK310: "a drain delay of {{ $delay }} s was asked for"
{{- end }}
{{- if not (int $n.minReady) }}
healthkit/ignore.HK407: "minReadySeconds 0 was asked for"
{{- end }}
{{- end }}

{{- define "healthkit-app.graceAsked" -}}
{{- if kindIs "invalid" .Values.terminationGracePeriodSeconds -}}
a drain of {{ int .Values.drainDelaySeconds }} s and requests of {{ int .Values.longestRequestSeconds }} s were asked for
{{- else -}}
a grace period of {{ int .Values.terminationGracePeriodSeconds }} s was asked for
{{- end -}}
{{- end }}
