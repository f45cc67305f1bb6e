{{/* Pod of a job that reads with a worker's settings: dict root, component, worker (its name), args, mounts,
volumes, kafkaSecret, redis (whether it needs Redis), model (whether it reads the worker's model directory),
decides (whether it takes the worker's resources and nodes), config and account (names of the ConfigMap and the
service account; empty: the worker's and the release's). */}}
{{- define "flagstaff.jobPod" -}}
{{- $worker := include "flagstaff.worker" (dict "root" .root "name" .worker) | fromYaml -}}
{{- $secret := .kafkaSecret | default $worker.kafkaExistingSecret -}}
{{- $config := .config | default (include "flagstaff.workerName" (dict "root" .root "name" .worker)) -}}
metadata:
  labels:
    {{- include "flagstaff.labels" (dict "root" .root "component" .component) | nindent 4 }}
spec:
  {{- include "flagstaff.podSecurity" (dict "root" .root "account" .account) | nindent 2 }}
  restartPolicy: Never
  containers:
    - name: {{ .component }}
      {{- include "flagstaff.containerSecurity" .root | nindent 6 }}
      command: [flagstaff]
      args:
        - --config
        - /etc/flagstaff/settings.yaml
        {{- range .args }}
        - {{ . | toString | quote }}
        {{- end }}
      env:
        {{- if .redis }}
        {{- include "flagstaff.workerEnv" (dict "root" .root "worker" $worker) | nindent 8 }}
        {{- else }}
        {{- include "flagstaff.commonEnv" .root | nindent 8 }}
        {{- include "flagstaff.kafkaEnv" . | nindent 8 }}
        {{- end }}
      resources:
        {{- if .decides }}
        {{- include "flagstaff.resources" $worker | nindent 8 }}
        {{- else }}
        requests: {cpu: 100m, memory: 256Mi}
        limits: {memory: 1Gi}
        {{- end }}
      volumeMounts:
        {{- include "flagstaff.mounts" (dict "root" .root "kafkaSecret" $secret "redis" .redis) | nindent 8 }}
        {{- if .model }}
        {{- include "flagstaff.modelMount" $worker | nindent 8 }}
        {{- with $worker.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
        {{- end }}
        {{- with .mounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    {{- include "flagstaff.volumes" (dict "root" .root "config" $config "kafkaSecret" $secret "redis" .redis) | nindent 4 }}
    - name: data
      emptyDir: {}
    {{- if .model }}
    {{- include "flagstaff.modelVolume" $worker | nindent 4 }}
    {{- with $worker.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- end }}
    {{- with .volumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- if .decides }}
  {{- include "flagstaff.placement" $worker | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* What a Job makes of failures: a drain is none, and wrong settings are not mended by trying again. Call with the
container's name. */}}
{{- define "flagstaff.jobFailures" -}}
rules:
  - action: Ignore
    onPodConditions:
      - type: DisruptionTarget
        status: "True"
  - action: FailJob
    onExitCodes:
      containerName: {{ . }}
      operator: In
      values: [2]
{{- end -}}
