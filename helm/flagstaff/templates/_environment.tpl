{{/* Environment of the containers. What is secret comes from mounted files, never from variables. */}}

{{/* Kafka: dict root, secret. */}}
{{- define "flagstaff.kafkaEnv" -}}
{{- $kafka := .root.Values.kafka -}}
- name: FLAGSTAFF_KAFKA__BOOTSTRAP_SERVERS
  value: {{ $kafka.bootstrapServers | quote }}
{{- if ne $kafka.securityProtocol "PLAINTEXT" }}
- name: FLAGSTAFF_KAFKA__CLIENT__SECURITY_PROTOCOL
  value: {{ $kafka.securityProtocol }}
{{- end }}
{{- if hasPrefix "SASL" $kafka.securityProtocol }}
- name: FLAGSTAFF_KAFKA__CLIENT__SASL_MECHANISM
  value: {{ $kafka.saslMechanism }}
- name: FLAGSTAFF_KAFKA__CLIENT__SASL_PLAIN_USERNAME_FILE
  value: /run/secrets/flagstaff/kafka/{{ $kafka.usernameKey }}
- name: FLAGSTAFF_KAFKA__CLIENT__SASL_PLAIN_PASSWORD_FILE
  value: /run/secrets/flagstaff/kafka/{{ $kafka.passwordKey }}
{{- end }}
{{- if hasSuffix "SSL" $kafka.securityProtocol }}
{{- with $kafka.caKey }}
- name: FLAGSTAFF_KAFKA__CLIENT__SSL_CAFILE
  value: /run/secrets/flagstaff/kafka/{{ . }}
{{- end }}
{{- with $kafka.certificateKey }}
- name: FLAGSTAFF_KAFKA__CLIENT__SSL_CERTFILE
  value: /run/secrets/flagstaff/kafka/{{ . }}
- name: FLAGSTAFF_KAFKA__CLIENT__SSL_KEYFILE
  value: /run/secrets/flagstaff/kafka/{{ $kafka.privateKeyKey }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "flagstaff.redisEnv" -}}
{{- if .Values.redis.existingSecret }}
- name: FLAGSTAFF_REDIS__URL_FILE
  value: /run/secrets/flagstaff/redis/{{ .Values.redis.urlKey }}
{{- else if .Values.redis.url }}
- name: FLAGSTAFF_REDIS__URL
  value: {{ .Values.redis.url | quote }}
{{- end }}
{{- end -}}

{{/* Where files may be written, and how logs are. */}}
{{- define "flagstaff.commonEnv" -}}
- name: HOME
  value: /data
- name: FLAGSTAFF_DATA_DIR
  value: /data
- name: FLAGSTAFF_LOG__FORMAT
  value: json
{{- end -}}

{{/* A worker's process, and the jobs that read with its settings: dict root, worker. */}}
{{- define "flagstaff.workerEnv" -}}
{{ include "flagstaff.commonEnv" . }}
- name: HF_HOME
  value: /data/huggingface
{{ include "flagstaff.kafkaEnv" (dict "root" .root) }}
{{- include "flagstaff.redisEnv" .root }}
{{- with .worker.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}
