import { useEffect, useState } from "react";

import type { Counts } from "../../lib/api-client.ts";
import { PRIORITIES, type TodoQuery } from "../../lib/todo-query.ts";
import { type Choice, CompactSelect, Segmented } from "../ui/Choices.tsx";
import { Icon } from "../ui/Icon.tsx";
import { PRIORITY_NAMES } from "./PriorityOptions.tsx";

const SORT_CHOICES: Choice<TodoQuery["sort"]>[] = [
  { value: "due", label: "By due date" },
  { value: "priority", label: "By priority" },
  { value: "newest", label: "Newest first" },
  { value: "oldest", label: "Oldest first" },
];

const PRIORITY_CHOICES: Choice<TodoQuery["priority"]>[] = [
  { value: "any", label: "Any priority" },
  ...PRIORITIES.map((value) => ({ value, label: `${PRIORITY_NAMES[value]} priority` })),
];

interface TodoToolbarProps {
  query: TodoQuery;
  counts: Counts;
  onChange: (change: Partial<TodoQuery>) => void;
}

/** Which todos show, and in which order. */
export function TodoToolbar({ query, counts, onChange }: TodoToolbarProps) {
  const statusChoices: Choice<TodoQuery["status"]>[] = [
    { value: "open", label: "Open", aside: counts.open },
    { value: "done", label: "Done", aside: counts.done },
    { value: "all", label: "All" },
  ];
  return (
    <div className="toolbar" role="search" aria-label="Find todos">
      <Segmented
        label="Show"
        choices={statusChoices}
        value={query.status}
        onChange={(status) => onChange({ status })}
      />
      <SearchField value={query.q} onChange={(q) => onChange({ q })} />
      <CompactSelect
        label="Priority"
        choices={PRIORITY_CHOICES}
        value={query.priority}
        onChange={(priority) => onChange({ priority })}
      />
      <CompactSelect
        label="Sort"
        choices={SORT_CHOICES}
        value={query.sort}
        onChange={(sort) => onChange({ sort })}
      />
    </div>
  );
}

const TYPING_MS = 250;

function SearchField({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const [text, setText] = useState(value);
  const [heard, setHeard] = useState(value);

  // The address changed by another way (back, "show all"): it wins over what was typed.
  if (heard !== value) {
    setHeard(value);
    setText(value);
  }

  useEffect(() => {
    if (text === value) return undefined;
    const timer = setTimeout(() => {
      setHeard(text);
      onChange(text);
    }, TYPING_MS);
    return () => clearTimeout(timer);
  }, [text, value, onChange]);

  return (
    <div className="search">
      <Icon name="search" />
      <input
        className="input input--small"
        type="search"
        aria-label="Search"
        placeholder="Search"
        value={text}
        maxLength={200}
        onChange={(event) => setText(event.target.value)}
      />
    </div>
  );
}
