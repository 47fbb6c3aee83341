namespace Gateway.Core.Features.Lookups;

/// <summary>Is told that the rows of a look-up are there.</summary>
internal interface IRowsReceiver
{
    /// <remarks>Called on a thread of the pool, once, if the look-up did not end at once.</remarks>
    void OnLookedUp();
}
