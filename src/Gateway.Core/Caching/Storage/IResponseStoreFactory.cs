namespace Gateway.Core.Caching.Storage;

/// <summary>Opens the store of a cache.</summary>
internal interface IResponseStoreFactory
{
    /// <param name="context">What it is to be like, and what it may use.</param>
    /// <exception cref="IOException">The folder cannot be used; without one the store can be opened all the same.</exception>
    IResponseStore Open(StoreContext context);
}
