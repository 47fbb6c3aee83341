using Gateway.Load.Payloads;

namespace Gateway.Load.Engine;

/// <summary>Which payload a call of one step carries.</summary>
/// <param name="First">Number of the step's first payload.</param>
/// <param name="Count">How many it has.</param>
/// <param name="Picker">Null where arrivals carry what was recorded with them.</param>
internal sealed record StepChoice(int First, int Count, PayloadPicker? Picker)
{
    /// <param name="arrival">Number of the arrival, from 0.</param>
    public int Next(long arrival) => First + (Picker is { } picker ? picker.Next() : (int)(arrival % Count));
}
