{{/*
JSON list of who is judged how: the one list from which the registration's entries are rendered. Each item has
  name         begins the names of its entries
  template     what the path says, if it is fixed; else nothing: the server's bindings and labels decide
  mode         the strictest it may be; enforce is the only one that the API server has to wait for
  selector     of namespaces, every default written out
  conditions   more match conditions, such as globs, which a selector cannot express
  path         for pods
  workloads    the path for workloads

A selector cannot say "or". Where the server decides, items of labels exclude each other, so that a pod is asked about once, unless
bindings overlap.
*/}}
{{- define "plimsoll.entries" -}}
{{- $v := .Values -}}
{{- $root := . -}}
{{- $items := list -}}
{{- $excluded := dict "key" "kubernetes.io/metadata.name" "operator" "NotIn" "values" (include "plimsoll.excluded" . | fromJsonArray) -}}
{{- $prefixes := include "plimsoll.labelPrefixes" . | fromJsonArray -}}
{{- $modes := list "enforce" "warn" "audit" -}}
{{- if eq $v.scope "cluster" -}}
{{- $items = append $items (dict "name" "enforce" "mode" "enforce" "template" (ternary "" $v.template $v.apiAccess) "expressions" (list $excluded)) -}}
{{- end -}}

{{- if and $v.apiAccess (eq $v.scope "optIn") -}}
{{- /* The first label that a namespace has decides which item is its own. */ -}}
{{- $before := list $excluded -}}
{{- range $mode := $modes -}}
{{- range $prefix := $prefixes -}}
{{- $label := print $prefix $mode -}}
{{- $name := ternary $mode (print $mode ".pod-security") (eq $prefix "plimsoll.dev/") -}}
{{- $items = append $items (dict "name" $name "mode" $mode "template" "" "expressions" (append $before (dict "key" $label "operator" "Exists"))) -}}
{{- $before = append $before (dict "key" $label "operator" "DoesNotExist") -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- if not $v.apiAccess -}}
{{- /* One item for each template that a label may name, and each pinned version. */ -}}
{{- $refs := $v.labelTemplates -}}
{{- range $v.templates -}}
{{- $refs = append $refs .name -}}
{{- end -}}
{{- /* A version that is not listed means the newest, so that one is listed as well. */ -}}
{{- range $refs -}}
{{- $refs = append $refs (splitList "@" . | first) -}}
{{- end -}}
{{- $refs = without (uniq $refs) "privileged" -}}
{{- range $mode := $modes -}}
{{- range $prefix := $prefixes -}}
{{- range $ref := $refs -}}
{{- $own := eq $prefix "plimsoll.dev/" -}}
{{- $parts := splitList "@" $ref -}}
{{- $template := first $parts -}}
{{- if and (or $own (has $template (list "baseline" "restricted"))) (not (and (eq $v.scope "cluster") (eq $ref $v.template))) -}}
{{- $expressions := list $excluded (dict "key" (print $prefix $mode) "operator" "In" "values" (list $template)) -}}
{{- $version := print $prefix $mode "-version" -}}
{{- if gt (len $parts) 1 -}}
{{- $expressions = append $expressions (dict "key" $version "operator" "In" "values" (list (last $parts))) -}}
{{- else -}}
{{- $pinned := list -}}
{{- range $other := $refs -}}
{{- if hasPrefix (print $template "@") $other -}}
{{- $pinned = append $pinned (splitList "@" $other | last) -}}
{{- end -}}
{{- end -}}
{{- if $pinned -}}
{{- $expressions = append $expressions (dict "key" $version "operator" "NotIn" "values" $pinned) -}}
{{- end -}}
{{- end -}}
{{- $name := printf "%s.%s" $mode ($ref | replace "@" "-" | replace "." "-") -}}
{{- $items = append $items (dict "name" ($own | ternary $name (print $name ".pod-security")) "mode" $mode "template" $ref "expressions" $expressions) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- /* What a label names that is none of these is restricted, as where the server decides. */ -}}
{{- range $prefix := $prefixes -}}
{{- $own := eq $prefix "plimsoll.dev/" -}}
{{- $known := list "privileged" -}}
{{- range $ref := $refs -}}
{{- if and (not (contains "@" $ref)) (or $own (has $ref (list "baseline" "restricted"))) -}}
{{- $known = append $known $ref -}}
{{- end -}}
{{- end -}}
{{- $key := print $prefix "enforce" -}}
{{- $expressions := list $excluded (dict "key" $key "operator" "Exists") (dict "key" $key "operator" "NotIn" "values" $known) -}}
{{- $items = append $items (dict "name" (ternary "enforce.unknown" "enforce.unknown.pod-security" $own) "mode" "enforce" "template" "restricted" "expressions" $expressions) -}}
{{- end -}}
{{- end -}}

{{- if or (not $v.apiAccess) (eq $v.scope "optIn") -}}
{{- /* Where the server decides, one item is enough for bindings of the same namespaces: the strictest's. */ -}}
{{- $seen := dict -}}
{{- range $mode := $modes -}}
{{- range $b := $v.bindings -}}
{{- if eq $b.mode $mode -}}
{{- $expressions := list $excluded -}}
{{- $conditions := list -}}
{{- if $b.namespaces -}}
{{- if regexMatch "[*?]" (join "" $b.namespaces) -}}
{{- $conditions = append $conditions (dict "name" "namespaces" "expression" (printf "request.namespace.matches(%q)" (include "plimsoll.globs" $b.namespaces))) -}}
{{- else -}}
{{- $expressions = append $expressions (dict "key" "kubernetes.io/metadata.name" "operator" "In" "values" $b.namespaces) -}}
{{- end -}}
{{- end -}}
{{- if $b.excludeNamespaces -}}
{{- if regexMatch "[*?]" (join "" $b.excludeNamespaces) -}}
{{- $conditions = append $conditions (dict "name" "exclude-namespaces" "expression" (printf "!request.namespace.matches(%q)" (include "plimsoll.globs" $b.excludeNamespaces))) -}}
{{- else -}}
{{- $expressions = append $expressions (dict "key" "kubernetes.io/metadata.name" "operator" "NotIn" "values" $b.excludeNamespaces) -}}
{{- end -}}
{{- end -}}
{{- $selector := default dict $b.selector -}}
{{- $expressions = concat $expressions (default list $selector.matchExpressions) -}}
{{- $item := dict "name" (printf "%s.%s.binding" $mode $b.name) "mode" $mode "template" "" "matchLabels" (default dict $selector.matchLabels) "conditions" $conditions -}}
{{- if $v.apiAccess -}}
{{- /* Namespaces with a label as strict have an item already. */ -}}
{{- $key := list $expressions $item.matchLabels $conditions | toJson -}}
{{- if not (hasKey $seen $key) -}}
{{- $_ := set $seen $key true -}}
{{- $labels := ternary (list "enforce") $modes (eq $mode "enforce") -}}
{{- range $label := $labels -}}
{{- range $prefix := $prefixes -}}
{{- $expressions = append $expressions (dict "key" (print $prefix $label) "operator" "DoesNotExist") -}}
{{- end -}}
{{- end -}}
{{- $items = append $items (set $item "expressions" $expressions) -}}
{{- end -}}
{{- else -}}
{{- $ref := ternary (printf "%s@%s" $b.template $b.version) $b.template (not (empty $b.version)) -}}
{{- $item = merge (dict "template" $ref "expressions" $expressions) $item -}}
{{- if eq (default "warn" $b.workloads) "enforce" -}}
{{- $_ := set $item "workloadsMode" $mode -}}
{{- end -}}
{{- $items = append $items $item -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- $done := list -}}
{{- range $item := $items -}}
{{- $selector := dict "matchExpressions" $item.expressions -}}
{{- if $item.matchLabels -}}
{{- $_ := set $selector "matchLabels" $item.matchLabels -}}
{{- end -}}
{{- $path := "/validate" -}}
{{- $workloads := $path -}}
{{- if $item.template -}}
{{- /* The API server takes no @ in the path of a Service. */ -}}
{{- $template := $item.template | replace "@" "/" -}}
{{- $path = printf "/validate/%s/%s" $item.mode $template -}}
{{- /* Enforcing pods warns about workloads, unless a binding says otherwise. */ -}}
{{- $workloadsMode := default (ternary "warn" $item.mode (eq $item.mode "enforce")) $item.workloadsMode -}}
{{- $workloads = printf "/validate/%s/%s" $workloadsMode $template -}}
{{- end -}}
{{- $done = append $done (dict "name" $item.name "mode" $item.mode "template" $item.template "selector" $selector "conditions" (default list $item.conditions) "path" $path "workloads" $workloads) -}}
{{- end -}}
{{- $done | toJson -}}
{{- end -}}

{{/* A regular expression for a list of names and globs. */}}
{{- define "plimsoll.globs" -}}
{{- $parts := list -}}
{{- range . -}}
{{- $parts = append $parts (. | replace "*" ".*" | replace "?" ".") -}}
{{- end -}}
^({{ join "|" $parts }})$
{{- end -}}

{{/* clientConfig: (root, path) */}}
{{- define "plimsoll.clientConfig" -}}
{{- $root := index . 0 -}}
{{- $path := index . 1 -}}
{{- with $root.Values.webhook.url -}}
url: {{ trimSuffix "/" . }}{{ $path }}
{{- else -}}
service:
  namespace: {{ $root.Release.Namespace }}
  name: {{ include "plimsoll.fullname" $root }}
  path: {{ $path }}
  port: 443
{{- end }}
{{- if and (eq $root.Values.certificates.mode "provided") $root.Values.certificates.provided.caBundle }}
caBundle: {{ $root.Values.certificates.provided.caBundle | b64enc }}
{{- end }}
{{- end -}}

{{/* failurePolicy: (root, mode) */}}
{{- define "plimsoll.failurePolicy" -}}
{{- $root := index . 0 -}}
{{- if and (eq (index . 1) "enforce") (not $root.Values.dryRun) -}}
{{- $root.Values.failurePolicy -}}
{{- else -}}
Ignore
{{- end -}}
{{- end -}}
