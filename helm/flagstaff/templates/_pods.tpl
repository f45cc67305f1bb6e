{{/* What all pods have in common. */}}

{{/* Pod security `restricted`; 65532 is the image's user. Dict root, account (empty: the release's). */}}
{{- define "flagstaff.podSecurity" -}}
serviceAccountName: {{ .account | default (include "flagstaff.serviceAccount" .root) }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- end -}}

{{- define "flagstaff.containerSecurity" -}}
image: {{ include "flagstaff.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{/* Secrets and files: dict root, config (ConfigMap), kafkaSecret, redis, more (list of volumes). */}}
{{- define "flagstaff.volumes" -}}
- name: tmp
  emptyDir: {}
- name: config
  configMap:
    name: {{ .config }}
{{- with include "flagstaff.kafkaSecret" . }}
- name: kafka
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- if and .redis .root.Values.redis.existingSecret }}
- name: redis
  secret:
    secretName: {{ .root.Values.redis.existingSecret }}
    defaultMode: 0440
{{- end }}
{{- end -}}

{{- define "flagstaff.mounts" -}}
- name: tmp
  mountPath: /tmp
- name: data
  mountPath: /data
- name: config
  mountPath: /etc/flagstaff
  readOnly: true
{{- if include "flagstaff.kafkaSecret" . }}
- name: kafka
  mountPath: /run/secrets/flagstaff/kafka
  readOnly: true
{{- end }}
{{- if and .redis .root.Values.redis.existingSecret }}
- name: redis
  mountPath: /run/secrets/flagstaff/redis
  readOnly: true
{{- end }}
{{- end -}}

{{/* The secret with what Kafka asks for: the part's own, or the common one; none where Kafka asks for nothing. */}}
{{- define "flagstaff.kafkaSecret" -}}
{{- if ne .root.Values.kafka.securityProtocol "PLAINTEXT" -}}
{{- .kafkaSecret | default .root.Values.kafka.existingSecret -}}
{{- end -}}
{{- end -}}

{{/* A probe: dict question, ports (JSON), every, failures. */}}
{{- define "flagstaff.probe" -}}
exec:
  command:
    - python
    - -m
    - worker.probe
    - {{ .question }}
    {{- range fromJsonArray .ports }}
    - {{ . | int | quote }}
    {{- end }}
periodSeconds: {{ .every }}
failureThreshold: {{ .failures }}
timeoutSeconds: 10
{{- end -}}

{{/* Where pods go: the keys that worker and console share. */}}
{{- define "flagstaff.placement" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- $gpu := .gpu | default dict }}
{{- if or .tolerations $gpu.count }}
tolerations:
  {{- if $gpu.count }}
  - key: {{ $gpu.resource }}
    operator: Exists
    effect: NoSchedule
  {{- end }}
  {{- with .tolerations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- end -}}

{{- define "flagstaff.resources" -}}
{{- $resources := deepCopy .resources -}}
{{- if .gpu.count -}}
{{- $_ := set $resources "limits" (merge (dict .gpu.resource (.gpu.count | int)) ($resources.limits | default dict)) -}}
{{- end -}}
{{- toYaml $resources -}}
{{- end -}}
