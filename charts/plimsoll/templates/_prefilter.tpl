{{/*
JSON object: by its name, each template whose newest version the API server can hold pods to by itself; nothing without `prefilter`. It has
  newest     that version, such as v1.37
  pods       match conditions: true of a pod that is not certainly within the template
  workloads  the same of what has a pod template
*/}}
{{- define "plimsoll.prefilters" -}}
{{- $all := dict -}}
{{- if .Values.prefilter -}}
{{- range $name := list "baseline" "restricted" "least-privilege" -}}
{{- $_ := set $all $name ($.Files.Get (printf "files/prefilter/%s.yaml" $name) | fromYaml) -}}
{{- end -}}
{{- range .Values.templates -}}
{{- if .prefilter -}}
{{- $_ := set $all .name (dict "pods" .prefilter.pods "workloads" .prefilter.workloads) -}}
{{- end -}}
{{- end -}}
{{- range $all -}}
{{- $_ := set . "newest" (printf "v1.%s" (splitList ".v1." (first .pods).name | last)) -}}
{{- end -}}
{{- end -}}
{{- $all | toJson -}}
{{- end -}}

{{/* JSON object: `pods` and `workloads` of name or name@version; neither if the API server cannot tell: (prefilters, ref) */}}
{{- define "plimsoll.conditions" -}}
{{- $prefilters := index . 0 -}}
{{- $parts := default "" (index . 1) | splitList "@" -}}
{{- $found := get $prefilters (first $parts) | default dict -}}
{{- if and $found (gt (len $parts) 1) -}}
{{- if has (last $parts) (include "plimsoll.olderThan" $found.newest | fromJsonArray) -}}
{{- $found = dict -}}
{{- end -}}
{{- end -}}
{{- pick $found "pods" "workloads" | toJson -}}
{{- end -}}

{{/* JSON list: the versions before the version, v1.0 the first. */}}
{{- define "plimsoll.olderThan" -}}
{{- $out := list -}}
{{- range trimPrefix "v1." . | int | until -}}
{{- $out = append $out (printf "v1.%d" .) -}}
{{- end -}}
{{- $out | toJson -}}
{{- end -}}

{{/*
The newest version that a template of .Values.templates knows, as the server finds it: its own, or that of the first that it extends and
that has one, or the greatest of all: (root, name)
*/}}
{{- define "plimsoll.newest" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $specs := dict -}}
{{- range list "privileged" "baseline" "restricted" "least-privilege" -}}
{{- $_ := set $specs . (dict "newest" (include "plimsoll.prefilters" $root | fromJson).restricted.newest) -}}
{{- end -}}
{{- range $root.Values.templates -}}
{{- $_ := set $specs .name .spec -}}
{{- end -}}
{{- $newest := "" -}}
{{- $greatest := 0 -}}
{{- range $specs -}}
{{- $greatest = max $greatest (default "" .newest | toString | trimPrefix "v1." | int) -}}
{{- $spec := get $specs $name | default dict -}}
{{- $newest = $newest | default $spec.newest -}}
{{- $name = default "" $spec.extends -}}
{{- end -}}
{{- $newest | default (printf "v1.%d" $greatest) -}}
{{- end -}}
