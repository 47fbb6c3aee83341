namespace Gateway.Server.Calls;

/// <summary>Something that stands in one list at a time, of which it is a link itself.</summary>
internal interface ILinked<TSelf>
    where TSelf : class
{
    TSelf? Next { get; set; }
}
