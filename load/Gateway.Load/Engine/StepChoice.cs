using Gateway.Load.Payloads;

namespace Gateway.Load.Engine;

/// <summary>Which payload a call of one step carries.</summary>
/// <param name="First">Number of the step's first payload.</param>
/// <param name="Count">How many it has.</param>
/// <param name="Picker">Null where arrivals carry what was recorded with them.</param>
internal sealed record StepChoice(int First, int Count, PayloadPicker? Picker)
{
    /// <param name="recorded">Of the arrival, from 0; beyond the last payload, from the first again.</param>
    public int Next(long recorded) => First + (Picker is { } picker ? picker.Next() : (int)(recorded % Count));
}
