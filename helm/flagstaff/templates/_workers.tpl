{{/* What a worker is: the common values with its own over them, as YAML. Call with dict root, name. */}}
{{- define "flagstaff.worker" -}}
{{- if not (hasKey .root.Values.workers .name) -}}
{{- fail (printf "values: %s is no entry of workers (%s)" .name (keys .root.Values.workers | sortAlpha | join ", ")) -}}
{{- end -}}
{{- mergeOverwrite (deepCopy .root.Values.worker) (deepCopy (get .root.Values.workers .name | default dict)) | toYaml -}}
{{- end -}}

{{/* Name of its objects. Kubernetes puts ten characters behind a StatefulSet's in a label, which has 63. */}}
{{- define "flagstaff.workerName" -}}
{{- $name := printf "%s-worker-%s" (include "flagstaff.fullname" .root) .name -}}
{{- if gt (len $name) 52 -}}
{{- fail (printf "values: workers.%s: %s is longer than 52 characters; give a shorter fullnameOverride" .name $name) -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{/* Its consumer group and the start of its transactional ids, unless its settings name others. */}}
{{- define "flagstaff.group" -}}
{{- if eq .name "default" -}}
{{- include "flagstaff.fullname" .root -}}
{{- else -}}
{{- printf "%s-%s" (include "flagstaff.fullname" .root) .name -}}
{{- end -}}
{{- end -}}

{{/* Its settings file: what the chart chooses, under the common settings, under its own. Dict root, name, worker. */}}
{{- define "flagstaff.workerSettings" -}}
{{- $group := include "flagstaff.group" . -}}
{{- $chosen := dict "kafka" (dict "group_id" $group "transactional_id_prefix" $group) -}}
{{- if .worker.policy -}}
{{- $_ := set $chosen "policy" (dict "file" "/etc/flagstaff/policy.yaml") -}}
{{- end -}}
{{- if .worker.gpu.count -}}
{{- $_ := set $chosen "detector" (dict "device" "cuda") -}}
{{- end -}}
{{- if eq .worker.kind "StatefulSet" -}}
{{- /* A pod that is started again must be back before its group gives it up. */ -}}
{{- $_ := set $chosen.kafka "session_timeout_ms" 120000 -}}
{{- end -}}
{{- mergeOverwrite $chosen (deepCopy .root.Values.settings) (deepCopy .worker.settings) | toYaml -}}
{{- end -}}

{{/* A ConfigMap's data: settings, policy, files. */}}
{{- define "flagstaff.workerFiles" -}}
settings.yaml: |
  {{- include "flagstaff.workerSettings" . | nindent 2 }}
{{- with .worker.policy }}
policy.yaml: {{ toJson . }}
{{- end }}
{{- range $name, $text := .worker.files }}
{{ $name }}: {{ toJson $text }}
{{- end }}
{{- end -}}

{{/* SIGTERM to the end: the work in flight, then 20 s to close (worker/commands/run.py), then 5 s in hand. */}}
{{- define "flagstaff.workerGrace" -}}
{{- add (int .preStopS) (ceil .gracePeriodS | int) 25 -}}
{{- end -}}

{{/* The ports of its processes, as a JSON list. */}}
{{- define "flagstaff.workerPorts" -}}
{{- $ports := list -}}
{{- range $number := until (int .processes) -}}
{{- $ports = append $ports (add (int $.port) $number) -}}
{{- end -}}
{{- toJson $ports -}}
{{- end -}}

{{- define "flagstaff.modelVolume" -}}
{{- with .model.volume }}
- name: model
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "flagstaff.modelMount" -}}
{{- if .model.volume }}
- name: model
  mountPath: {{ .model.mountPath }}
  readOnly: true
{{- end }}
{{- end -}}
