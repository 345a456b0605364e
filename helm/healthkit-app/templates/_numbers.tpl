{{/*
What is computed: the same as `healthkit render` computes, by the same formulas of healthkit.timing
(a test holds them against each other). All are whole seconds. Read by `fromYaml`; numbers come back
as floats, so print them by `int`.
*/}}

{{/* What runs before SIGTERM: exec, sleep or none. The sleep action is on by default since 1.30; one
worker needs no hook that finds the others. */}}
{{- define "healthkit-app.preStop" -}}
{{- $new := semverCompare ">=1.30-0" .Capabilities.KubeVersion.Version -}}
{{- $alone := and (eq (int .Values.workers) 1) (gt (int .Values.drainDelaySeconds) 0) -}}
{{- if ne .Values.preStop "auto" -}}
{{ .Values.preStop }}
{{- else if and $new $alone -}}
sleep
{{- else -}}
exec
{{- end -}}
{{- end }}

{{/* Whether the workers need a directory: to be told of the drain, or of each other. "yes" or "". */}}
{{- define "healthkit-app.hasStateDir" -}}
{{- if or (eq (include "healthkit-app.preStop" .) "exec") (gt (int .Values.workers) 1) -}}
yes
{{- end -}}
{{- end }}

{{- define "healthkit-app.numbers" -}}
{{- $v := .Values -}}
{{- $boot := add (int $v.bootSeconds) (int $v.startupSeconds) | int -}}
{{- $start := add (int $v.bootSeconds) (max (int $v.startupSeconds) (int $v.warmUpSeconds)) | int -}}
{{/* How often the startup probe asks: a short period finds the end of the start sooner, a long one
asks less in vain. */}}
{{- $period := 10 -}}
{{- $timeout := 3 -}}
{{- if le $start 120 -}}
{{- $period = 2 -}}
{{- $timeout = 2 -}}
{{- else if le $start 600 -}}
{{- $period = 5 -}}
{{- end -}}
{{/* 1 + ceil(start / period): the least for which (F - 1) * P is no less than the start. */}}
{{- $failures := add 1 (div (add $start $period -1) $period) | int -}}
{{- $guaranteed := mul (sub $failures 1) $period | int -}}
{{- $latest := add $period $guaranteed $timeout | int -}}
{{/* Liveness kills, so it has time; readiness only takes out of the Service, and must be faster. */}}
{{- $live := dict "period" 10 "timeout" 3 "failures" 3 -}}
{{- $ready := dict "period" 2 "timeout" 2 "failures" 2 -}}
{{- $earliestKill := add (mul (sub $live.failures 1) $live.period) $live.timeout -}}
{{/* The end. With a preStop sleep the app itself serves on for 1 s more, for kept connections to be
told to close; nothing is waited for twice. */}}
{{- $preStop := include "healthkit-app.preStop" . -}}
{{- $sleep := eq $preStop "sleep" | ternary (int $v.drainDelaySeconds) 0 -}}
{{- $appDelay := eq $preStop "sleep" | ternary 1 (int $v.drainDelaySeconds) -}}
{{- $drainDelay := add $sleep $appDelay | int -}}
{{- $graceNeeded := add $drainDelay (int $v.longestRequestSeconds) (int $v.exitSeconds) | int -}}
{{- $grace := max 30 $graceNeeded -}}
{{- if kindIs "invalid" $v.terminationGracePeriodSeconds | not -}}
{{- $grace = int $v.terminationGracePeriodSeconds -}}
{{- end -}}
{{/* pull + latest start + one readiness period + minReady, and the moment of the EndpointSlice. */}}
{{- $progressNeeded := add (int $v.pullSeconds) $latest $ready.period (int $v.minReadySeconds) 1 | int -}}
{{- $progress := gt $progressNeeded 600 | ternary $progressNeeded 0 -}}
{{- if kindIs "invalid" $v.progressDeadlineSeconds | not -}}
{{- $progress = int $v.progressDeadlineSeconds -}}
{{- end -}}
boot: {{ $boot }}
start: {{ $start }}
startup:
  periodSeconds: {{ $period }}
  timeoutSeconds: {{ $timeout }}
  failureThreshold: {{ $failures }}
  guaranteed: {{ $guaranteed }}
  latestKill: {{ $latest }}
liveness:
  periodSeconds: {{ $live.period }}
  timeoutSeconds: {{ $live.timeout }}
  failureThreshold: {{ $live.failures }}
  earliestKill: {{ $earliestKill }}
  latestKill: {{ add $earliestKill $live.period }}
readiness:
  periodSeconds: {{ $ready.period }}
  timeoutSeconds: {{ $ready.timeout }}
  failureThreshold: {{ $ready.failures }}
  latestUnready: {{ mul $ready.failures $ready.period }}
preStop: {{ $preStop }}
sleep: {{ $sleep }}
appDelay: {{ $appDelay }}
drainDelay: {{ $drainDelay }}
inFlight: {{ int $v.longestRequestSeconds }}
reserve: {{ int $v.exitSeconds }}
graceNeeded: {{ $graceNeeded }}
grace: {{ $grace }}
minReady: {{ int $v.minReadySeconds }}
pull: {{ int $v.pullSeconds }}
progressNeeded: {{ $progressNeeded }}
# 0: Kubernetes' default of 600 s is enough.
progressDeadline: {{ $progress }}
{{- end }}
