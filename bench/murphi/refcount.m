-- SPDX-License-Identifier: Apache-2.0
-- bench/promela/refcount.pml for Rumur, at the same grain: one rule is one step, and a local that is not read again is 0.
-- Threads are a scalarset, so that Rumur may exchange them where it is told to. Sizes are set by bench/rumur.mjs.

const
  NPAGES: 2;
  NTHREADS: 2;
  HOLDS: 1;
  NONE: NPAGES;

type
  page: 0 .. NPAGES - 1;
  thread: scalarset(NTHREADS);
  place: enum { idle, rmqueue, unlock, take, cas, holding, give_back, list, unlock_again };

var
  count: array [page] of 0 .. NTHREADS * HOLDS + 1;
  in_buddy: array [page] of boolean;
  locked: boolean;
  at: array [thread] of place;
  p: array [thread] of 0 .. NPAGES;
  held: array [thread] of 0 .. HOLDS;
  old: array [thread] of 0 .. NTHREADS * HOLDS + 1;

procedure to_idle(t: thread);
begin
  at[t] := idle;
  p[t] := 0;
  held[t] := 0;
  old[t] := 0;
end;

startstate
begin
  for i: page do
    count[i] := 0;
    in_buddy[i] := true;
  end;
  locked := false;
  for t: thread do
    to_idle(t);
  end;
end;

ruleset t: thread do
  rule "lock for an allocation"
    at[t] = idle & !locked
  ==> begin
    locked := true;
    at[t] := rmqueue;
  end;

  ruleset i: page do
    rule "try_get reads the count"
      at[t] = idle
    ==> begin
      if count[i] != 0 then
        p[t] := i;
        old[t] := count[i];
        at[t] := cas;
      end;
    end;
  end;

  rule "take the lowest free page off the list"
    at[t] = rmqueue
  ==>
  var found: boolean;
  begin
    found := false;
    p[t] := NONE;
    for i: page do
      if !found & in_buddy[i] then
        found := true;
        p[t] := i;
        in_buddy[i] := false;
      end;
    end;
    at[t] := unlock;
  end;

  rule "unlock after an allocation"
    at[t] = unlock
  ==> begin
    locked := false;
    if p[t] = NONE then
      to_idle(t);
    else
      at[t] := take;
    end;
  end;

  rule "a page taken counts 1"
    at[t] = take
  ==> begin
    assert count[p[t]] = 0 "a page is allocated with a count";
    count[p[t]] := 1;
    held[t] := 1;
    at[t] := holding;
  end;

  rule "try_get compares and swaps"
    at[t] = cas
  ==> begin
    if count[p[t]] = old[t] then
      count[p[t]] := old[t] + 1;
      old[t] := 0;
      held[t] := 1;
      assert !in_buddy[p[t]] "a get lands on a free page";
      at[t] := holding;
    else
      old[t] := count[p[t]];
      if old[t] = 0 then
        to_idle(t);
      end;
    end;
  end;

  rule "get"
    at[t] = holding & held[t] < HOLDS
  ==> begin
    assert count[p[t]] > 0 & !in_buddy[p[t]] "a holder sees a count of 0";
    count[p[t]] := count[p[t]] + 1;
    held[t] := held[t] + 1;
  end;

  rule "put"
    at[t] = holding
  ==> begin
    assert count[p[t]] > 0 & !in_buddy[p[t]] "a holder sees a count of 0";
    count[p[t]] := count[p[t]] - 1;
    held[t] := held[t] - 1;
    if count[p[t]] = 0 then
      at[t] := give_back;
    elsif held[t] = 0 then
      to_idle(t);
    end;
  end;

  rule "lock to give a page back"
    at[t] = give_back & !locked
  ==> begin
    locked := true;
    at[t] := list;
  end;

  rule "put the page on the list"
    at[t] = list
  ==> begin
    assert !in_buddy[p[t]] & count[p[t]] = 0 "a page is given back twice";
    in_buddy[p[t]] := true;
    at[t] := unlock_again;
  end;

  rule "unlock after a page was given back"
    at[t] = unlock_again
  ==> begin
    locked := false;
    to_idle(t);
  end;
end;
